# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg node``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.report.terminal import Result
from mm_robust_seg.ros.node import node

DESCRIPTION = """\
Run the segmentation node, without ros2 launch, until Ctrl-C.

It is a lifecycle node, and waits to be configured and activated; with --autostart it does both.
What follows --ros-args is passed on to ROS: remappings, parameters, a name, a namespace. The
parameters are those of config/robust_seg.yaml. robust_seg.launch.py also looks for camera_info
beside the images, and gives Fast DDS room for images between processes."""
EXAMPLE = (
    'mm-robust-seg node --autostart --ros-args -r rgb/image:=/camera/color/image_raw '
    '-p engine.bundle:=mm5'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--autostart', action='store_true', help='configure and activate the node')
    parser.add_argument(
        '--params-file',
        type=Path,
        action='append',
        default=[],
        metavar='FILE',
        help='parameter file, such as config/robust_seg.yaml; may be repeated',
    )


def run(args: argparse.Namespace) -> Result:
    """Run the node until Ctrl-C.

    Raises:
        ConfigError: if a parameter file does not exist.
    """
    files: list[str] = []
    for path in args.params_file:
        if not path.is_file():
            raise ConfigError(f'there is no parameter file {path}')
        files += ['--params-file', str(path)]
    arguments = ['segmentation', '--ros-args', *files, *args.ros_args]
    return Result(code=node.main(arguments, args.autostart))
