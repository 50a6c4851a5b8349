# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg break-bag``: a copy of a recorded bag in which cameras fail."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.commands.options import add_topics, open_named
from mm_robust_seg.config import Config
from mm_robust_seg.recordings.break_bag import break_bag
from mm_robust_seg.recordings.storage import open_storage
from mm_robust_seg.recordings.writer import STORAGES
from mm_robust_seg.report.document import Bullets, Text
from mm_robust_seg.report.terminal import Result
from mm_robust_seg.simulation.scenario import load_scenario

DESCRIPTION = """\
Copy a rosbag2 and let its cameras fail as a scenario file says, to try any node on the result.

All other topics are copied as they are. A camera that is gone, or whose publisher is refused, is
silent in the copy; faults of the clock cannot be recorded and are refused. To step our own
pipeline through the same faults, replay BAG --scenario needs no copy."""
EXAMPLE = 'mm-robust-seg break-bag my_bag --scenario config/demo_scenario.yaml --out out/broken'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('bag', type=Path, help='rosbag2 folder, .mcap or .db3 file')
    parser.add_argument('--scenario', type=Path, required=True, help='which camera fails when')
    parser.add_argument('--out', type=Path, required=True, help='folder of the new bag')
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='file format')
    add_topics(parser)


def run(args: argparse.Namespace) -> Result:
    """Write the copy and say what it holds."""
    scenario = load_scenario(args.scenario)
    storage = open_storage(args.bag)
    try:
        with open_named(args, Config()) as bag:
            copied = break_bag(bag, storage, scenario, args.out, args.storage)
    finally:
        storage.close()
    counts = dict(sorted(copied.counts.items()))
    held = ', '.join(f'{count} x {topic}' for topic, count in counts.items())
    return Result(
        {'bag': str(args.out), 'messages': counts, 'notes': list(copied.notes)},
        [Text(f'{args.out}: {held}'), Bullets(copied.notes, 'remark')],
        f'mm-robust-seg replay {args.out}',
    )
