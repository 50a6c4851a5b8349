"""``mm-robust-seg replay``: from a recorded bag to masks, pictures and figures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mm_robust_seg.commands.options import add_backend, add_topics, open_named
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.files import write_json
from mm_robust_seg.replay.player import Silence
from mm_robust_seg.replay.replay import replay
from mm_robust_seg.report.document import Bullets
from mm_robust_seg.report.run.table import summary_blocks
from mm_robust_seg.report.terminal import Result, TerminalProgress
from mm_robust_seg.schema import parse_settings
from mm_robust_seg.simulation.scenario import load_scenario

DESCRIPTION = """\
Step the segmentation pipeline through a recorded bag with the bag's own time, without ROS.

Reads a rosbag2 folder (sqlite3 or MCAP), one of its files, or a ROS 1 .bag. Writes masks/*.png
(class ids), overlays/*.png, contact_sheet.png and summary.json, with the mIoU where /truth/image
is in the bag. Frame rates are measured from the bag and sensors that it lacks are disabled, unless
--set says otherwise. Time stands still during inference, so a slow computer loses nothing."""
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
    silences = [Silence.parse(text) for text in args.drop]
    scenario = load_scenario(args.scenario) if args.scenario else None
    out = args.out or Path('out') / 'replay' / args.bag.resolve().name
    with open_named(args) as bag, TerminalProgress() as progress:
        outcome = replay(bag, settings, silences, out, args.write_bag, scenario, progress)
    summary = {'bag': str(args.bag), **outcome.summary}
    write_json(out / 'summary.json', summary)
    then = f'look at {out}/contact_sheet.png; let sensors fail with --drop or --scenario'
    blocks = [*summary_blocks(summary, _head(summary)), Bullets(summary['notes'], 'remark')]
    return Result(summary, blocks, then, failure=outcome.failure)


def _head(summary: dict[str, Any]) -> dict[str, str]:
    """Say what was replayed with what."""
    rates_hz, frames = summary['rates_hz'], summary['frames'].items()
    return {
        'bag': summary['bag'],
        'bundle': f'{summary["bundle"]}, {summary["engine"]}',
        'frames': ', '.join(f'{m} {n} at {rates_hz[m]:g} Hz' for m, n in frames if m in rates_hz),
    }
