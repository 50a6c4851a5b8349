# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg rig``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mm_robust_seg.files import shipped
from mm_robust_seg.report.terminal import Result
from mm_robust_seg.ros.processes.children import parameters
from mm_robust_seg.ros.rig import node as rig
from mm_robust_seg.simulation.scenario import load_scenario

DESCRIPTION = """\
Publish three simulated cameras, rgb/image, thermal/image and depth/image, as a ROS 2 node.

They drive through a street, and fail as a scenario file says: config/scenarios/ has one for every
fault. rig/truth has the true labels, rig/phase says what is played, and the service rig/start
plays the scenario again. Ctrl-C ends it. What follows --ros-args is passed on to ROS."""
EXAMPLE = 'mm-robust-seg rig --scenario config/scenarios/all_faults.yaml --rate-hz 30'

_CLOCK_HZ = 200.0
_PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their defaults are those of the node's parameters."""
    default = rig.PARAMETERS
    add = parser.add_argument
    add('--scenario', type=Path, metavar='FILE', help='what fails when (nothing, without end)')
    add('--rate-hz', type=float, default=default['rate_hz'], help='frame rate (%(default)s)')
    add('--width-px', type=int, default=default['width_px'], help='image width (%(default)s)')
    add('--height-px', type=int, default=default['height_px'], help='image height (%(default)s)')
    add(
        '--loop-s',
        type=float,
        default=default['loop_s'],
        help='length of the drive, rendered first and then repeated (%(default)s)',
    )
    add('--repeat', action='store_true', help='play the scenario again and again')
    add('--wait', action='store_true', help='wait for the service rig/start')
    add(
        '--clock-hz',
        type=float,
        help='publish /clock at this rate, for nodes with use_sim_time '
        f'({_CLOCK_HZ:g} where the scenario makes the clock jump, otherwise not at all)',
    )


def run(args: argparse.Namespace) -> Result:
    """Run the node until Ctrl-C.

    Images of several processes get through Fast DDS with the package's profile, which is used
    unless the environment names another.

    Raises:
        ConfigError: if the scenario cannot be read.
    """
    moves_clock = args.scenario is not None and load_scenario(args.scenario).moves_clock
    clock_hz = args.clock_hz if args.clock_hz is not None else _CLOCK_HZ * moves_clock
    values = {
        'rate_hz': args.rate_hz,
        'width_px': args.width_px,
        'height_px': args.height_px,
        'loop_s': args.loop_s,
        'repeat': args.repeat,
        'autostart': not args.wait,
        'clock_hz': float(clock_hz),
    }
    if args.scenario:
        values['scenario'] = str(args.scenario.resolve())
    own = next(filter(None, map(os.environ.get, _PROFILES)), None)
    profile = own or str(shipped('config/fastdds_profile.xml'))
    for name in _PROFILES:
        os.environ.setdefault(name, profile)
    return Result(code=rig.main(['rig', '--ros-args', *parameters(values), *args.ros_args]))
