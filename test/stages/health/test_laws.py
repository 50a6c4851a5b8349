# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What holds in every episode, however arrivals interleave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import heapq
import itertools

from cameras import FIXED
from episode import (
    configured,
    constant,
    DEPTH,
    GOOD,
    MS,
    PERIOD_MS,
    RGB,
    rgb,
    running,
    same,
    Source,
    THERMAL,
    TICK_MS,
)
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.config import Config, HysteresisConfig
from mm_robust_seg.dataflow import Frame, HealthLevel, Reason
from mm_robust_seg.finding import Finding
from mm_robust_seg.modalities.depth import DepthStatistics
from mm_robust_seg.modalities.rgb import RgbStatistics
from mm_robust_seg.modalities.thermal import ThermalStatistics
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.stages.health import HealthMonitor, monitor
from mm_robust_seg.stages.health.rules import RULES
from mm_robust_seg.stages.health.state import SensorState

FAULTS: list[Source | Reason | None] = [
    rgb,
    rgb,
    None,
    Reason.TRUNCATED,
    constant(RGB, 0),
    constant(RGB, 255),
    same(RGB),
]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(1, 15)), max_size=8))
def test_no_episode_blames_the_innocent_or_lasts_for_ever(
    phases: Iterable[tuple[Source | Reason | None, int]],
) -> None:
    episode = running()
    for source, frames in phases:
        episode.run(frames * PERIOD_MS, rgb=source)
        health = episode.health(RGB)
        assert health.usable == (health.level is not HealthLevel.ERROR) or health.reason in (
            Reason.RECOVERING,
            Reason.WAITING,
        )
        assert health.detail and health.since_ns <= episode.now_ms * MS
    assert episode.usable() >= ModalitySet([THERMAL, DEPTH]), 'an innocent sensor was blamed'
    episode.run(4000)
    assert episode.health(RGB).reason is Reason.OK, 'a good sensor was never readmitted'


# Clean streams. Image statistics are replaced by those of a good image: they are not the point.

FINE = {
    RGB: RgbStatistics(mean=100, std=50, white_ratio=0, structure=50),
    THERMAL: ThermalStatistics(valid_ratio=1, median_k=295, std_k=4, cold_k=290, hot_k=302),
    DEPTH: DepthStatistics(valid_ratio=0.9),
}
PIXEL = {m: GOOD[m](0, np.random.default_rng(0))[:1, :1].copy() for m in Modality}


@pytest.fixture(autouse=True, scope='module')
def fine_images() -> Iterator[None]:
    """Let every image be new and good, unless it has more than one pixel."""
    numbers, measure = itertools.count(), monitor.measure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            monitor,
            'measure',
            lambda frame: (
                (next(numbers), FINE[frame.modality]) if frame.image.size <= 3 else measure(frame)
            ),
        )
        yield


def alarms(
    config: Config, arrivals: Iterable[tuple[int, int, Modality]], end_ns: int
) -> set[tuple[Modality, Reason]]:
    """Play (arrival, stamp, sensor) with a watchdog; return all verdicts but OK and WAITING."""
    health_monitor = HealthMonitor(config, 0)
    found: set[tuple[Modality, Reason]] = set()
    tick_ns = TICK_MS * MS
    ticks = ((at_ns, at_ns, None) for at_ns in range(tick_ns, end_ns, tick_ns))
    for at_ns, stamp_ns, modality in heapq.merge(arrivals, ticks, key=lambda event: event[0]):
        if modality is not None:
            frame = Frame(modality, stamp_ns, at_ns, PIXEL[modality])
            health_monitor.observe(frame, at_ns)
            continue
        assert not health_monitor.jumped(at_ns)
        sensors = health_monitor.assess(at_ns).sensors.values()
        found |= {(h.modality, h.reason) for h in sensors if h.reason is not Reason.OK}
    return {(m, reason) for m, reason in found if reason is not Reason.WAITING}


def stream(
    modality: Modality, rate_hz: float, seconds: float, loss: float, seed: int
) -> list[tuple[int, int, Modality]]:
    """Return arrivals with 20 % jitter, in order, and independent losses."""
    random = np.random.default_rng(seed)
    turns = np.arange(1, seconds * rate_hz) + random.random()
    turns = turns[random.random(turns.size) >= loss]
    arrivals_s = (turns + random.uniform(-0.2, 0.2, turns.size)) / rate_hz
    stamps_s = arrivals_s - 0.004 - random.uniform(0, 0.004, turns.size)
    pairs = np.rint(np.stack([arrivals_s, stamps_s], axis=1) * 1e9).astype(np.int64)
    return [(arrival_ns, stamp_ns, modality) for arrival_ns, stamp_ns in pairs.tolist()]


def test_ten_minutes_of_clean_streams_raise_no_alarm() -> None:
    """RGB and depth at 30 Hz, thermal at 9 Hz, 20 % jitter and 1 % loss."""
    rates_hz = {RGB: 30.0, THERMAL: 9.0, DEPTH: 30.0}
    streams = [stream(m, hz, 600, 0.01, seed) for seed, (m, hz) in enumerate(rates_hz.items())]
    config = configured(inputs__thermal__expected_rate_hz=9.0)
    arrivals = heapq.merge(*streams, key=lambda event: event[0])
    assert alarms(config, arrivals, 599 * 10**9) == set()


@pytest.mark.parametrize(('share', 'is_usable'), [(0.5, False), (0.8, True)])
def test_a_camera_at_a_limit_of_its_rate_does_not_change_its_state_all_the_time(
    share: float, is_usable: bool
) -> None:
    """15 of 30 Hz is a common mistake in a configuration."""
    health_monitor = HealthMonitor(FIXED, 0)
    verdicts = []
    for arrival_ns, stamp_ns, _ in stream(RGB, 30 * share, 60, 0.0, seed=2):
        health_monitor.assess(arrival_ns - 25 * MS)
        health_monitor.observe(Frame(RGB, stamp_ns, arrival_ns, PIXEL[RGB]), arrival_ns)
        health = health_monitor.assess(arrival_ns).sensors[RGB]
        verdicts.append((health.reason, health.usable))
    assert [verdict for verdict, _ in itertools.groupby(verdicts)] == [
        (Reason.OK, True),
        (Reason.SLOW, is_usable),
    ]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_interleaving_of_good_frames_raises_an_alarm(data: st.DataObject) -> None:
    """Any phase, any jitter up to 20 %, up to two frames in a row lost now and then."""
    rates_hz = {m: data.draw(st.sampled_from([9.0, 15.0, 30.0, 60.0])) for m in Modality}
    config = configured(**{f'inputs__{m}__expected_rate_hz': hz for m, hz in rates_hz.items()})
    events = []
    for modality, hz in rates_hz.items():
        phase = data.draw(st.floats(0, 1))
        jitter = data.draw(st.lists(st.floats(-0.2, 0.2), min_size=5, max_size=20))
        lost = data.draw(st.sets(st.integers(0, 49), max_size=2))
        for number in range(1, int(3 * hz)):
            if number % 50 not in lost:
                turn = number + phase + jitter[number % len(jitter)]
                arrival_ns = round(turn / hz * 1e9)
                events.append((arrival_ns, arrival_ns - 5 * MS, modality))
    events.sort(key=lambda event: event[0])
    assert alarms(config, events, 2_800 * MS) == set()


# The state machine alone, with any sequence of findings.

GOOD_FRAME = Finding(Reason.OK, 'fine', fails=False)
FINDINGS = [[GOOD_FRAME]] + [
    [Finding(reason, 'why', fails=fails), GOOD_FRAME]
    for reason in RULES
    for fails in (True, False)
]
HYSTERESIS = HysteresisConfig()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FINDINGS), st.integers(1, 12)), max_size=20))
def test_the_state_machine_drops_at_once_and_never_deadlocks(
    phases: list[tuple[list[Finding], int]],
) -> None:
    state, now_ns = SensorState(RGB, HYSTERESIS, 0), 0
    relapsed = HYSTERESIS.recover_frames
    for findings, frames in phases:
        bad = findings[0]
        is_debounced = bad.reason in RULES and RULES[bad.reason].debounced
        needed = HYSTERESIS.fail_frames if is_debounced else 1
        for streak in range(1, frames + 1):
            now_ns += PERIOD_MS * MS
            state.judge(findings, now_ns)
            if bad.fails and streak >= needed:
                assert not state.health.usable
            if bad.fails and streak >= (relapsed if is_debounced else 1):
                assert state.health.reason is bad.reason
    most_frames, most_ns = 2 * HYSTERESIS.recover_frames, 2 * HYSTERESIS.recover_s * 1e9
    for _ in range(most_frames + 1 + int(most_ns / (PERIOD_MS * MS))):
        now_ns += PERIOD_MS * MS
        state.judge([GOOD_FRAME], now_ns)
    assert (state.health.reason, state.health.usable) == (Reason.OK, True)
