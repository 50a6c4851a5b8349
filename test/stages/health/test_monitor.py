# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The monitor from its start on, and what is no fault of a sensor: jumps of the clock."""

from __future__ import annotations

from episode import (
    aged,
    configured,
    DEPTH,
    Episode,
    MS,
    PERIOD_MS,
    RGB,
    running,
    THERMAL,
)
import pytest

from mm_robust_seg.dataflow import HealthLevel, Reason
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages.health import HealthMonitor
from mm_robust_seg.transport import IncompatibleQos, LostMessages, PublisherCount


def test_the_first_good_frame_makes_a_sensor_usable() -> None:
    episode = Episode()
    assert episode.health(RGB).reason is Reason.WAITING
    assert not episode.usable()
    episode.run(40, thermal=None)
    assert episode.usable() == ModalitySet([RGB, DEPTH])
    assert episode.health(THERMAL).reason is Reason.WAITING


def test_a_sensor_that_never_comes_is_absent_after_the_grace() -> None:
    episode = Episode().run(9_900, depth=None)
    assert episode.health(DEPTH).reason is Reason.WAITING
    episode.run(200, depth=None)
    health = episode.health(DEPTH)
    assert (health.reason, health.level, health.usable) == (
        Reason.ABSENT,
        HealthLevel.ERROR,
        False,
    )
    assert 'expected one within 10 s' in health.detail


def test_an_absent_sensor_that_comes_needs_good_frames() -> None:
    episode = Episode().run(10_500, depth=None).run(9 * PERIOD_MS)
    assert episode.health(DEPTH).reason is Reason.RECOVERING
    episode.run(2 * PERIOD_MS)
    assert episode.health(DEPTH).reason is Reason.OK


def test_a_disabled_sensor_is_reported_as_such() -> None:
    monitor = HealthMonitor(configured(inputs__depth__enabled=False), 0)
    health = monitor.assess(0).sensors[DEPTH]
    assert (health.reason, health.usable, health.level) == (Reason.DISABLED, False, HealthLevel.OK)


def test_good_sensors_are_ok_and_say_their_rate() -> None:
    episode = running()
    assert episode.usable() == COMPLETE
    for modality in Modality:
        health = episode.health(modality)
        assert health.level is HealthLevel.OK
        assert health.evidence['rate_hz'] == pytest.approx(1000 / PERIOD_MS, rel=0.1)
        assert 'frames per second' in health.detail
        assert episode.reasons(modality) == [Reason.OK]


def test_evidence_of_a_disabled_sensor_is_harmless() -> None:
    monitor = HealthMonitor(configured(inputs__depth__enabled=False), 0)
    monitor.note(PublisherCount(DEPTH, 0), 0)
    monitor.note(LostMessages(DEPTH, 5), 0)
    monitor.note(IncompatibleQos(DEPTH, 'LIVELINESS'), 0)
    assert monitor.assess(0).sensors[DEPTH].reason is Reason.DISABLED


def test_other_limits_can_be_set_while_running() -> None:
    episode = running()
    episode.monitor.reconfigure(configured(monitor__rgb__timeout_s=5.0))
    assert episode.run(2000, rgb=None).health(RGB).reason is Reason.OK


@pytest.mark.parametrize('jump_ms', [-60_000, -200, 1500, 3_600_000])
def test_a_jump_of_the_clock_is_told_until_reset(jump_ms: int) -> None:
    episode = running()
    assert not episode.monitor.jumped(episode.now_ms * MS)
    now_ns = (episode.now_ms + jump_ms) * MS
    assert episode.monitor.jumped(now_ns)
    assert episode.monitor.jumped(now_ns + MS)
    assert episode.monitor.clock_jumps == 1
    episode.monitor.reset(now_ns)
    assert not episode.monitor.jumped(now_ns)
    assert not episode.monitor.assess(now_ns).usable
    assert episode.monitor.clock_jumps == 1


def test_a_bag_that_begins_anew_is_a_jump_one_sensor_is_not() -> None:
    episode = running()
    episode.run(PERIOD_MS, rgb=aged(episode, RGB, 1900))
    assert not episode.monitor.jumped(episode.now_ms * MS)
    looped = {m.value: aged(episode, m, 1900) for m in (THERMAL, DEPTH)}
    episode.run(2 * PERIOD_MS, **looped)
    assert episode.monitor.jumped(episode.now_ms * MS)


@pytest.mark.parametrize('age_ms', [-8000, 8000, 50_000])
@pytest.mark.parametrize('alone', [False, True])
def test_single_stamps_that_are_wrong_are_no_jump(age_ms: float, alone: bool) -> None:
    """Whether ahead, behind or zero: the stamps that follow return to where they were."""
    episode = running()
    others: dict[str, None] = {'thermal': None, 'depth': None} if alone else {}
    episode.run(1500, **others)
    wrong = [RGB] if alone else [RGB, THERMAL]
    for _ in range(3):
        stray = {m.value: aged(episode, m, age_ms) for m in wrong}
        episode.run(PERIOD_MS, **{**others, **stray})
        assert not episode.monitor.jumped(episode.now_ms * MS)
        episode.run(10 * PERIOD_MS, **others)
        assert not episode.monitor.jumped(episode.now_ms * MS)
    assert episode.health(RGB).reason is Reason.OK


def test_a_state_remembers_when_it_began() -> None:
    episode = running().run(1000, rgb=None)
    began_ms = next(at for at, h in episode.changes[RGB] if h.reason is Reason.SILENT)
    assert episode.health(RGB).since_ns == began_ms * MS


def test_the_only_sensor_that_speaks_may_begin_anew_too() -> None:
    episode = running().run(1500, thermal=None, depth=None)
    silent = {'thermal': None, 'depth': None}
    episode.run(PERIOD_MS, rgb=aged(episode, RGB, 9000), **silent)
    assert not episode.monitor.jumped(episode.now_ms * MS), 'it may be one stamp out of order'
    episode.run(3 * PERIOD_MS, rgb=aged(episode, RGB, 9000), **silent)
    assert episode.monitor.jumped(episode.now_ms * MS)
