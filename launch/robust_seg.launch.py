# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Start the segmentation node, configure and activate it, with RViz where wanted."""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

SHARE = Path(get_package_share_directory('mm_robust_seg'))
CONFIG = SHARE / 'config'
PICTURES = ('overlay', 'color_mask', 'thermal_view', 'confidence', 'camera_info')

ARGUMENTS = {
    'namespace': ('', 'Namespace of the node and its topics.'),
    'params_file': (str(CONFIG / 'robust_seg.yaml'), 'Parameter file.'),
    'use_sim_time': ('false', 'Take the time from /clock.'),
    'rgb_topic': ('', 'RGB images; empty: rgb/image. Its camera_info is looked for beside it.'),
    'thermal_topic': ('', 'Thermal images; empty: thermal/image.'),
    'depth_topic': ('', 'Depth images; empty: depth/image.'),
    'bundle': ('', 'Model bundle; empty: as in the parameter file.'),
    'backend': ('', 'Inference runtime; empty: as in the parameter file.'),
    'autostart': ('true', 'Configure and activate the node.'),
    'respawn': ('false', 'Start the node again when it dies; otherwise the launch ends with it.'),
    'rviz': ('false', 'Open RViz.'),
    'log_level': ('info', 'How much the node logs.'),
}
SWITCH = ('true', 'false', 'True', 'False')
CHOICES = {
    **dict.fromkeys(('use_sim_time', 'autostart', 'respawn', 'rviz'), SWITCH),
    'log_level': ('debug', 'info', 'warn', 'error', 'fatal'),
}
RESPAWN_DELAY_S = 2.0


def generate_launch_description() -> LaunchDescription:
    declarations = [
        DeclareLaunchArgument(
            name, default_value=default, description=text, choices=CHOICES.get(name)
        )
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declarations, *fastdds_profile(), OpaqueFunction(function=start)])


def fastdds_profile() -> list[LaunchDescriptionEntity]:
    """Give Fast DDS room for images in shared memory, by the user's profile if there is one.

    Fast DDS 3 (Kilted) reads the first variable, Fast DDS 2 (Humble, Jazzy) the second.
    """
    names = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
    own = next(filter(None, map(os.environ.get, names)), str(CONFIG / 'fastdds_profile.xml'))
    return [SetEnvironmentVariable(name, os.environ.get(name) or own) for name in names]


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    if not Path(given['params_file']).is_file():
        raise ValueError(
            f'params_file:={given["params_file"]} is no file: expected a parameter file, such as '
            f'a copy of {ARGUMENTS["params_file"][0]}'
        )
    sim_time, respawn = is_true(given['use_sim_time']), is_true(given['respawn'])
    arguments = ['--autostart'] if respawn and is_true(given['autostart']) else []
    overrides: dict[str, object] = {'use_sim_time': sim_time}
    for key in ('bundle', 'backend'):
        if given[key]:
            overrides[f'engine.{key}'] = given[key]
    logger = '.'.join([*filter(None, given['namespace'].split('/')), 'segmentation'])
    node = LifecycleNode(
        package='mm_robust_seg',
        executable='segmentation',
        name='segmentation',
        namespace=given['namespace'],
        parameters=[given['params_file'], overrides],
        remappings=remappings(given),
        arguments=[*arguments, '--ros-args', '--log-level', f'{logger}:={given["log_level"]}'],
        output='screen',
        respawn=respawn,
        respawn_delay=RESPAWN_DELAY_S,
        on_exit=None if respawn else [Shutdown(reason='the segmentation node has ended')],
    )
    actions: list[LaunchDescriptionEntity] = [node]
    if is_true(given['autostart']) and not respawn:  # one that comes again does it by itself
        actions += transitions(node)
    if is_true(given['rviz']):
        actions.append(rviz(given, sim_time))
    return actions


def is_true(text: str) -> bool:
    return text.lower() == 'true'


def remappings(given: dict[str, str]) -> list[tuple[str, str]]:
    pairs = []
    for sensor in ('rgb', 'thermal', 'depth'):
        topic = given[f'{sensor}_topic']
        if topic:
            folder, slash, _ = topic.rpartition('/')
            pairs.append((f'{sensor}/image', topic))
            pairs.append((f'{sensor}/camera_info', f'{folder}{slash}camera_info'))
    return pairs


def transitions(node: LifecycleNode) -> list[LaunchDescriptionEntity]:
    """Configure ``node``, and activate it once it is configured."""
    configured = OnStateTransition(
        target_lifecycle_node=node,
        start_state='configuring',
        goal_state='inactive',
        entities=[change_state(node, Transition.TRANSITION_ACTIVATE)],
    )
    return [
        RegisterEventHandler(configured),
        change_state(node, Transition.TRANSITION_CONFIGURE),
    ]


def change_state(node: LifecycleNode, transition: int) -> EmitEvent:
    matcher = matches_action(node)
    return EmitEvent(event=ChangeState(lifecycle_node_matcher=matcher, transition_id=transition))


def rviz(given: dict[str, str], sim_time: bool) -> Node:
    """Show the topics of this node: those in the RViz file have neither namespace nor remapping.

    The file cannot name them relatively: RViz looks for every camera_info from the root.
    """
    namespace = given['namespace'].strip('/')
    prefix = f'/{namespace}' if namespace else ''
    topics = {f'/segmentation/{name}': f'segmentation/{name}' for name in PICTURES}
    for sensor in ('rgb', 'thermal', 'depth'):
        for name in (f'{sensor}/image', f'{sensor}/camera_info'):
            topics[f'/{name}'] = dict(remappings(given)).get(name, name)
    absolute = {
        old: new if new.startswith('/') else f'{prefix}/{new}' for old, new in topics.items()
    }
    return Node(
        package='rviz2',
        executable='rviz2',
        namespace=given['namespace'],
        arguments=['-d', str(CONFIG / 'robust_seg.rviz')],
        parameters=[{'use_sim_time': sim_time}],
        remappings=[(old, new) for old, new in absolute.items() if old != new],
        output='screen',
    )
