"""``mm-robust-seg replay``: from a recorded bag to masks, pictures and figures."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.commands.bag_options import add_topic_arguments, open_named
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.files import write_json
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.bag import BagImage, BagTruth, ImageBag
from mm_robust_seg.recordings.faults import FaultyBag
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.replay.log import ReplayLog
from mm_robust_seg.replay.player import measure_rates_hz, Player, Silence
from mm_robust_seg.replay.results import ReplayResults
from mm_robust_seg.replay.table import summary_table
from mm_robust_seg.schema import flatten, parse_settings, Value, with_values
from mm_robust_seg.simulation.scenario import load_scenario, Scenario

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
    parser.description = DESCRIPTION
    parser.add_argument('bag', type=Path, help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag file')
    parser.add_argument('--out', type=Path, help='folder of the results (out/replay/<bag>)')
    parser.add_argument('--bundle', help=f'model folder, or name ({EngineConfig().bundle})')
    backends = next(s.allowed for n, _, s in flatten(EngineConfig()) if n == 'backend')
    parser.add_argument('--backend', choices=backends, help='inference runtime (auto)')
    add_topic_arguments(parser)
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
    parser.add_argument('--json', action='store_true', help='print the summary as JSON')


def run(args: argparse.Namespace) -> int:
    """Replay the bag, write the results and say what came out.

    Raises:
        RobustSegError: if nothing could be done; or, after the results up to there are written,
            if the bag is damaged further on or inference failed.
    """
    settings = parse_settings(args.set, Config())
    settings |= {'engine.bundle': args.bundle} if args.bundle else {}
    settings |= {'engine.backend': args.backend} if args.backend else {}
    silences = [Silence.parse(text) for text in args.drop]
    scenario = load_scenario(args.scenario) if args.scenario else None
    out = args.out or Path('out') / 'replay' / args.bag.resolve().name
    with open_named(args) as bag:
        outcome = replay(bag, settings, silences, out, args.write_bag, scenario)
    summary = {'bag': str(args.bag), **outcome.summary}
    write_json(out / 'summary.json', summary)
    console = Console(soft_wrap=args.json, highlight=False)
    if args.json:
        console.print_json(json.dumps(summary))
    else:
        console.print(summary_table(summary, out))
    if outcome.failure:
        raise outcome.failure
    return 0


@dataclass(frozen=True)
class Outcome:
    """What a replay came to.

    Attributes:
        summary: as in ``ReplayLog.summary``, and what it was made with.
        failure: what ended the replay before the end of the bag.
    """

    summary: dict[str, Any]
    failure: RobustSegError | None


def replay(
    bag: ImageBag,
    settings: dict[str, Value],
    silences: Sequence[Silence],
    out: Path,
    mask_bag: Path | None,
    scenario: Scenario | None = None,
) -> Outcome:
    """Play ``bag`` and write pictures into ``out`` and mask topics into ``mask_bag``.

    With a ``scenario`` the sensors fail as its phases say, counted from the first image.

    Raises:
        RobustSegError: if the replay cannot start.
    """
    config = _config(bag, settings)
    bundle = load_bundle(find_bundle(config.engine.bundle))
    items = bag.images()
    first = next(items)
    log = ReplayLog(config, bundle.classes, first.time_ns)
    failure: RobustSegError | None = None
    with ExitStack() as stack:
        writer = stack.enter_context(BagWriter(mask_bag)) if mask_bag else None
        results = ReplayResults(out, bundle.classes, writer)
        pipeline, engine = build_pipeline(config, bundle, first.time_ns)
        stack.callback(engine.close)
        player = Player(pipeline, log, silences, first.time_ns)
        stream = _watched(chain([first], items), bag.image_count)
        faulty = FaultyBag(scenario, bag.sensors, first.time_ns) if scenario else None
        try:
            for mask in player.play(faulty.play(stream) if faulty else stream):
                results.add(mask, player.now_ns, log.truth_of(mask))
        except RobustSegError as error:
            failure = error
        results.close()
        summary = {
            'bundle': bundle.name,
            'engine': engine.description,
            'complete': failure is None,
            'notes': [*bag.notes, *log.notes(), *([str(failure)] if failure else [])],
            'rates_hz': {m.value: config.inputs[m].expected_rate_hz for m in bag.sensors},
            **log.summary(),
            'counters': dict(pipeline.counters),
        }
    return Outcome(summary, failure)


def _config(bag: ImageBag, settings: dict[str, Value]) -> Config:
    defaults: dict[str, Value] = {}
    for modality, rate_hz in measure_rates_hz(bag).items():
        defaults[f'inputs.{modality}.expected_rate_hz'] = rate_hz
    for modality in Modality:
        defaults[f'inputs.{modality}.enabled'] = modality in bag.sensors
    return with_values(Config(), {**defaults, **settings})


def _watched(items: Iterable[BagImage | BagTruth], total: int) -> Iterator[BagImage | BagTruth]:
    """Show a progress bar while ``items`` are used."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(items, total=total, description='Replaying')
