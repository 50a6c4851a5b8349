# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Play a bag into the segmentation node: it starts when the node is active.

With a scenario, cameras fail on the way: a copy of the bag with these faults is made first.
"""

from pathlib import Path
import shutil
import subprocess
import sys
import tempfile

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.event_handlers import OnStateTransition

LAUNCH = Path(get_package_share_directory('mm_robust_seg')) / 'launch'

ARGUMENTS = {
    'rate': ('1.0', 'Speed of the replay.'),
    'loop': ('false', 'Start again at the end.'),
    'clock': ('200', 'Rate of /clock in Hz; the default of ros2 bag is too coarse for 30 Hz.'),
    'scenario': ('', 'Scenario file: which camera fails, when and how; empty: none.'),
}
CHOICES = {'loop': ('true', 'false', 'True', 'False')}


def generate_launch_description() -> LaunchDescription:
    """Take the arguments above, and those of robust_seg.launch.py."""
    declarations = [
        DeclareLaunchArgument(
            name, default_value=default, description=text, choices=CHOICES.get(name)
        )
        for name, (default, text) in ARGUMENTS.items()
    ]
    segmentation = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(LAUNCH / 'robust_seg.launch.py')),
        launch_arguments={'use_sim_time': 'true', 'respawn': 'false'}.items(),
    )
    bag = DeclareLaunchArgument('bag', description='Folder of the rosbag2.')
    return LaunchDescription([bag, *declarations, OpaqueFunction(function=play), segmentation])


def play(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Have the bag played as soon as the node is active."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ('bag', *ARGUMENTS)}
    actions: list[LaunchDescriptionEntity] = []
    if given['scenario']:
        folder, given['bag'] = broken(given['bag'], given['scenario'], recorded(context))
        actions.append(RegisterEventHandler(OnShutdown(on_shutdown=lambda *_: remove(folder))))
    command = ['ros2', 'bag', 'play', given['bag'], '--rate', given['rate']]
    command += ['--clock', given['clock']]
    if given['loop'].lower() == 'true':
        command.append('--loop')
    player = ExecuteProcess(cmd=command, output='screen')
    active = OnStateTransition(goal_state='active', entities=[player], handle_once=True)
    return [*actions, RegisterEventHandler(active)]


def recorded(context: LaunchContext) -> list[str]:
    """Return the options that name the bag's image topics: those that the node will hear."""
    given = context.launch_configurations
    namespace = given.get('namespace', '').strip('/')
    options = ['--namespace', namespace] if namespace else []
    for sensor in ('rgb', 'thermal', 'depth'):
        topic = given.get(f'{sensor}_topic', '')
        if topic:
            name = topic if topic.startswith('/') else f'{namespace}/{topic}'
            options += [f'--{sensor}-topic', name]
    return options


def broken(bag: str, scenario: str, topics: list[str]) -> tuple[Path, str]:
    """Return a folder and in it a copy of the bag in which cameras fail; the launch waits."""
    folder = Path(tempfile.mkdtemp(prefix='robust_seg_'))
    copy = str(folder / 'bag')
    command = [sys.executable, '-m', 'mm_robust_seg.cli', 'break-bag', bag, *topics]
    try:
        subprocess.run([*command, '--scenario', scenario, '--out', copy], check=True)
    except BaseException:
        remove(folder)
        raise
    return folder, copy


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
