# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Eight cases in which robots have lost frames, in simulated time.

Autoware tests its point cloud synchroniser on them (autoware_universe, concatenation of several
lidars): each was a defect once. Here a set of three cameras is one 33 ms period; a mask must come
for every period in which a sensor spoke, at most ``wait_s`` after the first of its messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cameras import combinations, DEPTH, FIXED, names, PERIOD_NS, raw, RGB, START_NS, THERMAL
import numpy as np
import pytest

from mm_robust_seg.dataflow import RawImage, Segmentation
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.pipeline import Pipeline

MS_NS = 1_000_000
WARM = 12
"""Periods until every sensor has spoken for a while."""

PERIODS = 45
FIRST_LATE = 2
"""Partners of the very first frame: nobody could know that they would come."""

LATENCY_NS = {RGB: 1 * MS_NS, THERMAL: 3 * MS_NS, DEPTH: 5 * MS_NS}
WAIT_NS = round(FIXED.sync.wait_s * 1e9)


@dataclass
class Timeline:
    """Messages by the time of their arrival, fed to a pipeline as the node does it."""

    messages: list[tuple[int, RawImage]] = field(default_factory=list)

    def add(self, modality: Modality, period: int, late_ns: int = 0, skew_ns: int = 0) -> None:
        stamp_ns = START_NS + period * PERIOD_NS + skew_ns
        seed = 10 * period + list(Modality).index(modality)
        arrival_ns = stamp_ns + LATENCY_NS[modality] + late_ns
        self.messages.append((arrival_ns, raw(modality, stamp_ns, seed)))

    def add_sets(self, periods: Iterable[int], sensors: Iterable[Modality] = COMPLETE) -> None:
        for period in periods:
            for modality in sensors:
                self.add(modality, period)

    def play(self, pipeline: Pipeline) -> list[tuple[int, Segmentation]]:
        """Return (time of the mask, mask): look at arrivals, deadlines and every 10 ms."""
        waiting = sorted(self.messages, key=lambda item: item[0])
        found, now_ns, end_ns = [], START_NS, waiting[-1][0] + 100 * MS_NS
        while now_ns < end_ns:
            while waiting and waiting[0][0] <= now_ns:
                arrival_ns, message = waiting.pop(0)
                pipeline.offer(message, arrival_ns)
            mask = pipeline.step(now_ns)
            if mask is not None:
                found.append((now_ns, mask))
            moments = [
                now_ns + 10 * MS_NS,
                pipeline.next_deadline_ns,
                *(t for t, _ in waiting[:1]),
            ]
            now_ns = min(t for t in moments if t is not None and t > now_ns)
        return found


@pytest.fixture
def pipeline(make_cameras) -> Pipeline:
    return make_cameras().pipeline


def by_period(found: list[tuple[int, Segmentation]]) -> dict[int, tuple[int, Segmentation]]:
    """Sort the masks by the period of their reference frame; no period has two."""
    turns = {round((mask.stamp_ns - START_NS) / PERIOD_NS): (at_ns, mask) for at_ns, mask in found}
    assert len(turns) == len(found), 'two masks for one period'
    return turns


def delay_ns(period: int, at_ns: int) -> int:
    return at_ns - (START_NS + period * PERIOD_NS)


def test_1_normal(pipeline):
    timeline = Timeline()
    timeline.add_sets(range(PERIODS))
    masks = by_period(timeline.play(pipeline))
    assert sorted(masks) == list(range(PERIODS))
    for period in range(WARM, PERIODS):
        at_ns, mask = masks[period]
        assert mask.combination == COMPLETE and mask.frames.skew_s == 0
        assert delay_ns(period, at_ns) <= LATENCY_NS[DEPTH] + MS_NS, 'the last member closes it'


def test_2_noisy_stamps(pipeline):
    rng = np.random.default_rng(2)
    timeline = Timeline()
    for period in range(PERIODS):
        for modality in Modality:
            skew_ns = int(rng.uniform(-6, 6) * MS_NS)
            timeline.add(modality, period, late_ns=int(rng.uniform(0, 6) * MS_NS), skew_ns=skew_ns)
    masks = by_period(timeline.play(pipeline))
    assert sorted(masks) == list(range(PERIODS))
    for period in range(WARM, PERIODS):
        mask = masks[period][1]
        assert mask.combination == COMPLETE
        assert 0 < mask.frames.skew_s <= 0.012


@pytest.mark.parametrize('modality', list(Modality))
def test_3_empty_message(pipeline, modality):
    """A driver that sends a header without pixels: the others go on, without waiting for it."""
    timeline = Timeline()
    timeline.add_sets(range(WARM))
    for period in range(WARM, PERIODS):
        timeline.add_sets([period], COMPLETE - {modality})
        stamp_ns = START_NS + period * PERIOD_NS
        empty = RawImage(modality, stamp_ns, 0, 0, 'rgb8', 0, b'')
        timeline.messages.append((stamp_ns + LATENCY_NS[modality], empty))
    masks = by_period(timeline.play(pipeline))
    assert sorted(masks) == list(range(PERIODS))
    assert all(masks[k][1].combination == COMPLETE - {modality} for k in range(WARM, PERIODS))
    assert not pipeline.assess(START_NS + PERIODS * PERIOD_NS).sensors[modality].usable


@pytest.mark.parametrize('modality', list(Modality))
def test_4_all_but_one_dropped(pipeline, modality):
    timeline = Timeline()
    timeline.add_sets(range(WARM))
    timeline.add_sets(range(WARM, PERIODS), [modality])
    masks = by_period(timeline.play(pipeline))
    assert sorted(masks) == list(range(PERIODS))
    for period in range(WARM, PERIODS):
        at_ns, mask = masks[period]
        assert mask.combination == {modality}
        assert delay_ns(period, at_ns) <= LATENCY_NS[modality] + WAIT_NS + MS_NS
    last = masks[PERIODS - 1][1]
    assert last.frames.wait_s == 0, 'nobody is waited for once the verdict is there'


@pytest.mark.parametrize('modality', list(Modality))
def test_5_single_drop(pipeline, modality):
    """One lost message costs no mask, no verdict and no other period anything."""
    timeline = Timeline()
    timeline.add_sets(range(30))
    timeline.add_sets([30], COMPLETE - {modality})
    timeline.add_sets(range(31, PERIODS))
    masks = by_period(timeline.play(pipeline))
    assert sorted(masks) == list(range(PERIODS))
    at_ns, mask = masks[30]
    assert mask.combination == COMPLETE - {modality}
    assert delay_ns(30, at_ns) <= LATENCY_NS[DEPTH] + WAIT_NS + MS_NS
    others = [masks[k][1].combination for k in range(WARM, PERIODS) if k != 30]
    assert set(others) == {COMPLETE}


def test_6_delayed_past_the_deadline(pipeline):
    """The message comes, but 25 ms after the first: its period does not wait for it."""
    timeline = Timeline()
    timeline.add_sets(range(30))
    timeline.add_sets([30], names('rgb+thermal'))
    timeline.add(DEPTH, 30, late_ns=21 * MS_NS)
    timeline.add_sets(range(31, PERIODS))
    masks = by_period(timeline.play(pipeline))
    assert sorted(masks) == list(range(PERIODS))
    at_ns, mask = masks[30]
    assert mask.combination == names('rgb+thermal')
    deadline_ns = LATENCY_NS[RGB] + WAIT_NS
    assert deadline_ns <= delay_ns(30, at_ns) <= deadline_ns + MS_NS, 'never armed again'
    assert all(masks[k][1].combination == COMPLETE for k in range(31, PERIODS))
    assert pipeline.counters['late'] == FIRST_LATE + 1


@pytest.mark.parametrize('modality', list(Modality))
def test_7_drop_then_recover(pipeline, modality):
    timeline = Timeline()
    timeline.add_sets(range(30))
    timeline.add_sets(range(30, 50), COMPLETE - {modality})
    timeline.add_sets(range(50, 100))
    found = timeline.play(pipeline)
    masks = by_period(found)
    assert sorted(masks) == list(range(100))
    without = str(COMPLETE - {modality})
    seen = combinations([mask for at_ns, mask in found[WARM:]])
    assert seen == [str(COMPLETE), without, str(COMPLETE)], 'one switch each way'
    back = next(k for k in range(50, 100) if masks[k][1].combination == COMPLETE)
    assert back >= 50 + 30, 'it is on probation for a second'


def test_8_late_message(pipeline):
    """A message of an earlier period than the mask that was made is neither used nor blamed."""
    timeline = Timeline()
    timeline.add_sets(range(30))
    timeline.add_sets([30], names('rgb+depth'))
    timeline.add_sets(range(31, PERIODS), names('rgb+depth'))
    for period in range(31, PERIODS):
        timeline.add(THERMAL, period)
    timeline.add(THERMAL, 30, late_ns=70 * MS_NS)
    masks = by_period(timeline.play(pipeline))
    assert sorted(masks) == list(range(PERIODS))
    assert masks[30][1].combination == names('rgb+depth')
    for period in range(31, PERIODS):
        mask = masks[period][1]
        assert mask.combination == COMPLETE and mask.frames.skew_s == 0, 'never an old partner'
    assert pipeline.counters['late'] == FIRST_LATE + 1
    assert masks[PERIODS - 1][1].report.sensors[THERMAL].usable
