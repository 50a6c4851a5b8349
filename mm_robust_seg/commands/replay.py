# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg replay``: from a recorded bag to masks, pictures and figures."""

from __future__ import annotations

import argparse
from math import inf
from pathlib import Path
from typing import Any

from mm_robust_seg.commands.options import add_backend, add_topics, open_named, positive
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.replay.clock import CLOCKS
from mm_robust_seg.replay.replay import replay, Request
from mm_robust_seg.replay.silence import Silence
from mm_robust_seg.report.document import Bullets
from mm_robust_seg.report.run.table import summary_blocks
from mm_robust_seg.report.terminal import Result, TerminalProgress
from mm_robust_seg.schema import parse_settings, with_values
from mm_robust_seg.simulation.scenario import load_scenario

DESCRIPTION = """\
Step the segmentation pipeline through a recorded bag with the bag's own time, without ROS.

Reads a rosbag2 folder (sqlite3 or MCAP), one of its files, or a ROS 1 .bag. Writes masks/*.png
(class ids), overlays/*.png, contact_sheet.png and summary.json, with the mIoU where /truth/image
is in the bag. Sensors that it lacks are disabled, unless --set says otherwise; frame rates are
learned as the node learns them, and those of the whole bag are shown. Time stands still during
inference, so a slow computer loses nothing.

Topics that are not named are guessed from names, types and values, and said.
Images arrive by the time of the bag. With stamps that no camera could have had by it, as in a bag
of a simulation or one that was recorded again, --clock auto takes the difference out, and says so.
--start, --end and --drop count seconds from the bag's first image, --scenario from the first one
that is replayed. Every mask is counted in the figures, whatever --every leaves out.

It fails if not one mask could be made from a sensor."""
EXAMPLE = (
    'mm-robust-seg replay my_bag --bundle mm5 --rgb-topic /camera/color/image_raw '
    '--set inputs.thermal.scale_k=0.015625 --drop thermal@2:5'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('bag', type=Path, help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag file')
    parser.add_argument('--out', type=Path, help='folder of the results (out/replay/<bag>)')
    parser.add_argument('--bundle', help=f'model folder, or name ({EngineConfig().bundle})')
    add_backend(parser)
    add_topics(parser)
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='any parameter of config/robust_seg.yaml; may be repeated',
    )
    parser.add_argument(
        '--drop',
        action='append',
        default=[],
        metavar='SENSOR@START:END',
        help='leave out a sensor for some seconds of the bag; may be repeated',
    )
    parser.add_argument(
        '--scenario',
        type=Path,
        metavar='FILE',
        help='let sensors fail as the phases of a scenario file say, such as config/scenarios/*',
    )
    parser.add_argument(
        '--clock', choices=CLOCKS, default='auto', help='when images arrive (%(default)s)'
    )
    parser.add_argument('--start', type=float, default=0.0, metavar='S', help='begin there')
    parser.add_argument('--end', type=float, default=inf, metavar='S', help='stop there')
    parser.add_argument('--limit', type=positive, metavar='N', help='stop after so many masks')
    parser.add_argument(
        '--every',
        type=positive,
        default=1,
        metavar='N',
        help='write mask and overlay of every N-th mask only (%(default)s)',
    )
    parser.add_argument('--no-pictures', action='store_true', help='write figures only')
    parser.add_argument(
        '--write-bag', type=Path, metavar='FOLDER', help='also write the mask topics as a bag'
    )


def run(args: argparse.Namespace) -> Result:
    """Replay the bag, write the results and say what came out.

    Raises:
        RobustSegError: if nothing could be done.
    """
    settings = parse_settings(args.set, Config())
    settings |= {'engine.bundle': args.bundle} if args.bundle else {}
    settings |= {'engine.backend': args.backend} if args.backend else {}
    request = Request(
        out=args.out or Path('out') / 'replay' / args.bag.resolve().name,
        settings=settings,
        clock=args.clock,
        start_s=args.start,
        end_s=args.end,
        silences=[Silence.parse(text) for text in args.drop],
        scenario=load_scenario(args.scenario) if args.scenario else None,
        limit=args.limit,
        every=0 if args.no_pictures else args.every,
        mask_bag=args.write_bag,
    )
    config = with_values(Config(), settings)
    with open_named(args, config) as bag, TerminalProgress() as progress:
        for note in bag.notes:
            progress.say(note)
        outcome = replay(bag, request, progress)
    summary = outcome.summary
    seen = f'look at {request.out}/contact_sheet.png; ' if request.every else ''
    blocks = [*summary_blocks(summary, _head(summary)), Bullets(summary['notes'], 'remark')]
    then = f'{seen}let sensors fail with --drop or --scenario'
    return Result(summary, blocks, then, failure=outcome.failure)


def _head(summary: dict[str, Any]) -> dict[str, str]:
    """Say what was replayed with what."""
    start_s, end_s = summary['section_s']
    rates_hz, frames = summary['rates_hz'], summary['frames'].items()
    return {
        'bag': summary['bag'],
        'bundle': f'{summary["bundle"]}, {summary["engine"]}',
        'frames': ', '.join(f'{m} {n} at {rates_hz[m]:g} Hz' for m, n in frames if m in rates_hz),
        'clock': f'{summary["clock"]}, from {start_s:g} to {end_s:g} s',
        'counters': ', '.join(f'{name} {n}' for name, n in summary['counters'].items() if n)
        or '-',
    }
