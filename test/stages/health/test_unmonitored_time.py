# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Time that was not monitored, or in which the clock stood still, is no fault of a sensor."""

from __future__ import annotations

from collections.abc import Iterable

from cameras import FIXED
from episode import (
    aged,
    configured,
    DEPTH,
    Episode,
    GOOD,
    MS,
    PERIOD_MS,
    RGB,
    rgb,
    running,
    THERMAL,
    TICK_MS,
)
import numpy as np
import pytest

from mm_robust_seg.dataflow import Frame, Reason
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.stages.health import HealthMonitor
from mm_robust_seg.transport import ClockPaused


@pytest.mark.parametrize('resumed_ms', [1, 400, 900, 60_000])
def test_a_paused_clock_blames_nobody(resumed_ms: int) -> None:
    episode = running()
    before = episode.usable()
    for _ in range(300):
        episode.monitor.note(ClockPaused(), episode.now_ms * MS)
        episode.monitor.observe(
            Frame(RGB, 7, episode.now_ms * MS, rgb(0, np.random.default_rng(0))),
            episode.now_ms * MS,
        )
        assert episode.usable() == before
    episode.now_ms += resumed_ms
    if episode.monitor.jumped(episode.now_ms * MS):
        episode.monitor.reset(episode.now_ms * MS)
    episode.run(1500)
    assert all(set(episode.reasons(m)) <= {Reason.OK, Reason.WAITING} for m in Modality)
    assert episode.usable() == COMPLETE


def test_a_sensor_that_stays_out_after_a_pause_is_noticed() -> None:
    episode = running()
    episode.monitor.note(ClockPaused(), episode.now_ms * MS)
    episode.now_ms += 800
    resumed_ms = episode.now_ms
    episode.run(500, thermal=None)
    assert episode.delay_ms(THERMAL, Reason.SILENT, resumed_ms) <= 133 + PERIOD_MS + TICK_MS


def test_a_busy_driver_does_not_blame_the_sensors() -> None:
    episode = running()
    for _ in range(4):
        episode.now_ms += 900
        assert episode.usable() == COMPLETE
        episode.run(100)
    assert all(episode.reasons(m) == [Reason.OK] for m in Modality)


def test_frames_observed_late_count_from_their_arrival() -> None:
    episode = running()
    now_ns = episode.now_ms * MS
    for delay_ms in range(0, 1000, PERIOD_MS):
        for m in Modality:
            image = GOOD[m](0, np.random.default_rng(delay_ms))
            arrival_ns = now_ns + delay_ms * MS
            episode.monitor.observe(Frame(m, arrival_ns, arrival_ns, image), now_ns + 40 * MS)
    assert episode.usable() == COMPLETE


def test_a_silent_sensor_is_noticed_even_by_a_slow_driver() -> None:
    monitor = HealthMonitor(FIXED, 0)
    random = np.random.default_rng(0)
    for now_ms in range(0, 2000, 100):
        for m in Modality:
            if m is RGB or now_ms < 1000:
                frame = Frame(m, now_ms * MS, now_ms * MS, GOOD[m](0, random))
                monitor.observe(frame, now_ms * MS)
        report = monitor.assess(now_ms * MS)
        if now_ms >= 1300:
            assert report.sensors[THERMAL].reason is Reason.SILENT


def test_old_frames_are_not_stale_if_they_waited_for_us() -> None:
    """A sensor at 5 Hz whose queue is read only after a stall of ours."""
    config = configured(inputs__rgb__expected_rate_hz=5.0)
    episode = Episode(config).run(3000, period_ms=200)
    episode.now_ms += 950
    for age_ms in (905, 705, 505, 305):
        image = rgb(0, np.random.default_rng(age_ms))
        episode.monitor.observe(episode.frame(RGB, image, age_ms), episode.now_ms * MS)
    assert episode.health(RGB).reason is Reason.OK
    episode.run(1200, 200, rgb=aged(episode, RGB, 540))
    assert episode.health(RGB).reason is Reason.STALE


def test_our_own_stalls_make_no_sensor_slow_or_lossy() -> None:
    """Every stall of 0.4 s loses all but the five newest frames of each sensor."""
    episode = running()
    for _ in range(20):
        episode.now_ms += 400
        for age_ms in (165, 132, 99, 66, 33):
            for m in Modality:
                image = GOOD[m](0, np.random.default_rng(episode.now_ms - age_ms))
                episode.monitor.observe(episode.frame(m, image, age_ms), episode.now_ms * MS)
        episode.run(300)
    assert all(episode.reasons(m) == [Reason.OK] for m in Modality)


def busy(busy_ms: int, seconds: float, sensors: Iterable[Modality], idle_ms: int = 0) -> Episode:
    """Handle the messages of one sensor after the other, each for ``busy_ms``."""
    episode = running()
    random = np.random.default_rng(0)
    end_ms = episode.now_ms + seconds * 1000
    while episode.now_ms < end_ms:
        for m in sensors:
            arrival_ns = episode.now_ms * MS
            for _ in range(busy_ms // TICK_MS):
                episode.now_ms += TICK_MS
                episode.assess()
            frame = Frame(m, arrival_ns - 150 * MS, arrival_ns, GOOD[m](0, random))
            episode.monitor.observe(frame, episode.now_ms * MS)
        for _ in range(idle_ms // TICK_MS):
            episode.now_ms += TICK_MS
            episode.assess()
    return episode


def test_callbacks_that_cannot_keep_up_blame_no_sensor() -> None:
    """At 50 ms a message each sensor is handled every 150 ms, though it sends at 30 Hz."""
    episode = busy(50, seconds=10, sensors=Modality)
    assert [episode.reasons(m) for m in Modality] == [[Reason.OK]] * 3
    episode.turn_ms = episode.now_ms
    episode.run(3000)
    assert [episode.reasons(m) for m in Modality] == [[Reason.OK]] * 3


def test_a_dead_sensor_is_noticed_even_if_callbacks_cannot_keep_up() -> None:
    episode = busy(50, seconds=2, sensors=[RGB, THERMAL])
    assert episode.reasons(DEPTH) == [Reason.OK, Reason.SILENT]
    assert [episode.reasons(m) for m in (RGB, THERMAL)] == [[Reason.OK]] * 2


def test_callbacks_with_time_to_spare_discount_nothing() -> None:
    episode = busy(10, seconds=4, sensors=Modality, idle_ms=60)
    assert [episode.health(m).reason for m in Modality] == [Reason.SLOW] * 3
