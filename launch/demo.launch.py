# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Play failing cameras through the segmentation node, with RViz: the demo with the ros2 command.

The scenario is repeated until Ctrl-C. `make demo` plays it once, and reports.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

SHARE = Path(get_package_share_directory('mm_robust_seg'))

ARGUMENTS = {
    'namespace': ('', 'Namespace of rig and node, and of their topics.'),
    'params_file': (str(SHARE / 'config' / 'demo.yaml'), 'Parameter file of the node.'),
    'scenario': (str(SHARE / 'config' / 'demo_scenario.yaml'), 'Scenario file.'),
    'bundle': ('sim', 'Model bundle, trained on the simulation.'),
    'repeat': ('true', 'Play the scenario again and again.'),
    'rviz': ('true', 'Open RViz.'),
}
SWITCH = ('true', 'false', 'True', 'False')
CHOICES = {'repeat': SWITCH, 'rviz': SWITCH}
PASSED_ON = ('namespace', 'params_file', 'bundle', 'rviz')


def generate_launch_description() -> LaunchDescription:
    declarations = [
        DeclareLaunchArgument(
            name, default_value=default, description=text, choices=CHOICES.get(name)
        )
        for name, (default, text) in ARGUMENTS.items()
    ]
    # It also sets the Fast DDS profile for images, so it comes before the rig.
    segmentation = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'robust_seg.launch.py')),
        launch_arguments=[(name, LaunchConfiguration(name)) for name in PASSED_ON],
    )
    rig = Node(
        package='mm_robust_seg',
        executable='rig',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            {
                'scenario': LaunchConfiguration('scenario'),
                'repeat': ParameterValue(LaunchConfiguration('repeat'), value_type=bool),
                'autostart': True,
            }
        ],
        output='screen',
    )
    return LaunchDescription([*declarations, segmentation, rig])
