"""Play a bag into the segmentation node: it starts when the node is active."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.event_handlers import OnStateTransition

LAUNCH = Path(get_package_share_directory('mm_robust_seg')) / 'launch'

ARGUMENTS = {
    'rate': ('1.0', 'Speed of the replay.'),
    'loop': ('false', 'Start again at the end.'),
    'clock': ('200', 'Rate of /clock in Hz; the default of ros2 bag is too coarse for 30 Hz.'),
}


def generate_launch_description() -> LaunchDescription:
    """Take the arguments above, and those of robust_seg.launch.py."""
    declarations = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    segmentation = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(LAUNCH / 'robust_seg.launch.py')),
        launch_arguments={'use_sim_time': 'true'}.items(),
    )
    bag = DeclareLaunchArgument('bag', description='Folder of the rosbag2.')
    return LaunchDescription(
        [
            bag,
            *declarations,
            RegisterEventHandler(
                OnStateTransition(goal_state='active', entities=[OpaqueFunction(function=play)])
            ),
            segmentation,
        ]
    )


def play(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name in ('bag', *ARGUMENTS)}
    command = ['ros2', 'bag', 'play', given['bag'], '--rate', given['rate']]
    command += ['--clock', given['clock']]
    if given['loop'].lower() in ('true', '1', 'yes', 'on'):
        command.append('--loop')
    return [ExecuteProcess(cmd=command, output='screen')]
