"""From a bag to masks: step the pipeline through it, write pictures, sum up what happened."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.score import summarize
from mm_robust_seg.recordings.bag import ImageBag
from mm_robust_seg.recordings.faults import FaultyBag
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.replay.log import ReplayLog
from mm_robust_seg.replay.player import measure_rates_hz, Player, Silence
from mm_robust_seg.replay.results import ReplayResults
from mm_robust_seg.report.progress import Progress, SILENT, watched
from mm_robust_seg.schema import Value, with_values
from mm_robust_seg.simulation.scenario import Scenario


@dataclass(frozen=True)
class Outcome:
    """What a replay came to.

    Attributes:
        summary: the figures of ``observation.score``, and what they were made with.
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
    progress: Progress = SILENT,
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
        stream = watched(chain([first], items), progress, 'replaying', bag.image_count)
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
            **summarize(log.record()),
            'rejected': dict(log.rejected),
            'withheld': dict(log.withheld),
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
