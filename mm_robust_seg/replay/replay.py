# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a bag to masks: step the pipeline through it, write pictures, sum up what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Segmentation
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.files import renewing, write_json
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.score import summarize
from mm_robust_seg.recordings.bag import ImageBag
from mm_robust_seg.recordings.faults import FaultyBag
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.replay.log import ReplayLog
from mm_robust_seg.replay.notes import unlabeled, unused
from mm_robust_seg.replay.player import Player
from mm_robust_seg.replay.results import earlier_results, ReplayResults
from mm_robust_seg.replay.section import Section
from mm_robust_seg.replay.silence import Silence
from mm_robust_seg.report.progress import Progress, SILENT, watched
from mm_robust_seg.schema import Value, with_values
from mm_robust_seg.simulation.scenario import Scenario

SUMMARY = 'summary.json'


@dataclass(frozen=True)
class Request:
    """What is to be replayed, and what is to come of it.

    Attributes:
        out: folder of the results.
        settings: parameters that are not as by default.
        clock: one of ``clock.CLOCKS``.
        start_s, end_s: what is replayed, in seconds from the bag's first image.
        silences: what is left out, in the same seconds.
        scenario: how sensors fail, from the first image that is replayed on.
        limit: most masks to make, or None.
        every: pictures are written of every such mask; 0 means none.
        mask_bag: folder of a bag with the mask topics, or None.
    """

    out: Path
    settings: Mapping[str, Value] = field(default_factory=dict)
    clock: str = 'auto'
    start_s: float = 0.0
    end_s: float = float('inf')
    silences: Sequence[Silence] = ()
    scenario: Scenario | None = None
    limit: int | None = None
    every: int = 1
    mask_bag: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What a replay came to.

    Attributes:
        summary: the figures of ``observation.score``, and what they were made with.
        failure: what ended the replay before the end of the bag, or made it vain.
    """

    summary: dict[str, Any]
    failure: RobustSegError | None


def replay(bag: ImageBag, request: Request, progress: Progress = SILENT) -> Outcome:
    """Play ``bag`` and write what is asked for; earlier results stay until that is whole.

    Raises:
        RobustSegError: if the replay cannot start.
    """
    section = Section.of(bag.timeline(), request.clock, request.start_s, request.end_s)
    enabled = {f'inputs.{m}.enabled': m in bag.sensors for m in Modality}
    config = with_values(Config(), {**enabled, **request.settings})
    bundle = load_bundle(find_bundle(config.engine.bundle))
    first, items = bag.first_and_rest(section.images(bag))
    log = ReplayLog(config, bundle.classes, first.time_ns)
    failures: list[RobustSegError] = []
    with ExitStack() as stack:
        folder = stack.enter_context(renewing(request.out, SUMMARY, earlier_results))
        writer = stack.enter_context(BagWriter(request.mask_bag)) if request.mask_bag else None
        results = ReplayResults(folder, bundle.classes, writer, request.every)
        pipeline, engine = build_pipeline(config, bundle, first.time_ns)
        stack.callback(engine.close)
        player = Player(pipeline, log, request.silences, first.time_ns, section.origin_ns)
        stream = watched(items, progress, 'replaying', section.count)
        scenario = request.scenario
        faulty = FaultyBag(scenario, bag.sensors, first.time_ns) if scenario else None
        masks = player.play(faulty.play(stream) if faulty else stream)
        for mask in _up_to_damage(islice(masks, request.limit), failures):
            results.add(mask, player.now_ns, log.truth_of(mask))
        results.close()
        failure = failures[0] if failures else None
        figures = summarize(log.record())
        notes = [
            *bag.notes,
            *section.notes(request.silences),
            *(faulty.notes() if faulty and not failure else ()),
            *log.notes(),
            *unused(figures, config, log.usable),
        ]
        vain = unlabeled(figures)
        summary = {
            'bag': str(bag.path),
            'bundle': bundle.name,
            'engine': engine.description,
            'complete': failure is None and section.is_whole and not bag.lacks_files,
            'notes': [*notes, *(str(error) for error in (failure, vain) if error)],
            'topics': {m.value: topic for m, topic in bag.topics.items()},
            'clock': section.arrivals.clock,
            'section_s': section.span_s,
            'rates_hz': _rates_hz(section, config),
            **figures,
            'rejected': dict(log.rejected),
            'withheld': dict(log.withheld),
            'counters': dict(pipeline.counters),
        }
        write_json(folder / SUMMARY, summary)
    return Outcome(summary, failure or vain)


def _up_to_damage(
    masks: Iterator[Segmentation], failures: list[RobustSegError]
) -> Iterator[Segmentation]:
    """Yield masks as long as there are some; what ended them before the bag did is noted."""
    try:
        yield from masks
    except RobustSegError as error:
        failures.append(error)


def _rates_hz(section: Section, config: Config) -> dict[str, float]:
    """Return each sensor's rate: as it was set, otherwise as it was measured over the bag."""
    measured_hz = section.timeline.rates_hz()
    sensors = [m for m in Modality if len(section.timeline.of(m))]
    return {m.value: config.inputs[m].expected_rate_hz or measured_hz.get(m, 0.0) for m in sensors}
