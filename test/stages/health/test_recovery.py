# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How a sensor that failed is used again."""

from __future__ import annotations

from episode import (
    configured,
    constant,
    Episode,
    PERIOD_MS,
    RGB,
    rgb,
    running,
    same,
    TICK_MS,
)
import numpy as np

from mm_robust_seg.dataflow import HealthLevel, Reason


def test_a_new_failure_never_makes_recovery_cheaper() -> None:
    episode = running().run(500, rgb=None).run(500)
    assert episode.health(RGB).reason is Reason.RECOVERING
    episode.run(3 * PERIOD_MS + TICK_MS, rgb=Reason.TRUNCATED)
    assert episode.health(RGB).reason is Reason.TRUNCATED
    back_ms = episode.now_ms
    episode.run(2000)
    assert episode.delay_ms(RGB, Reason.OK, back_ms) >= 1000


def test_a_bad_frame_takes_back_two_good_ones_and_not_all() -> None:
    episode = running().run(300, rgb=constant(RGB, 0)).run(8 * PERIOD_MS)
    back_ms = episode.run(PERIOD_MS + TICK_MS, rgb=constant(RGB, 0)).now_ms
    assert episode.health(RGB).reason is Reason.RECOVERING
    delay_ms = episode.run(1000).delay_ms(RGB, Reason.OK, back_ms)
    assert 3 * PERIOD_MS <= delay_ms <= 6 * PERIOD_MS


def test_less_than_two_thirds_of_good_frames_do_not_end_a_failure() -> None:
    episode = running().run(300, rgb=constant(RGB, 0))
    episode.run(10_000, rgb=lambda n, r: rgb(n, r) if n % 5 < 3 else constant(RGB, 0)(n, r))
    assert not episode.health(RGB).usable
    assert episode.reasons(RGB) == [Reason.OK, Reason.DARK, Reason.RECOVERING]


def test_most_of_the_last_messages_fail_a_sensor_that_is_never_bad_for_long() -> None:
    episode = running()
    start_ms = episode.turn_ms
    episode.run(4000, rgb=lambda n, r: constant(RGB, 0)(n, r) if n % 3 else rgb(n, r))
    assert episode.delay_ms(RGB, Reason.DARK, start_ms) <= 62 * PERIOD_MS
    assert not episode.health(RGB).usable


def test_many_bad_messages_warn_until_they_are_few() -> None:
    episode = running()
    episode.run(3000, rgb=lambda n, r: rgb(n, r) if n % 3 else constant(RGB, 0)(n, r))
    health = episode.health(RGB)
    assert (health.reason, health.usable, health.level) == (Reason.DARK, True, HealthLevel.WARN)
    assert '20 of the last 60 messages were bad: mean grey level is 0.0' in health.detail
    episode.run(3000)
    assert episode.reasons(RGB) == [Reason.OK, Reason.DARK, Reason.OK]


def test_bad_messages_of_before_a_recovery_count_no_more() -> None:
    episode = running().run(3000, rgb=constant(RGB, 0)).run(1000)
    episode.run(PERIOD_MS, rgb=constant(RGB, 0)).run(500)
    assert episode.reasons(RGB) == [Reason.OK, Reason.DARK, Reason.RECOVERING, Reason.OK]


def test_what_relapses_again_and_again_is_said_to_recover_all_the_while() -> None:
    """Three bad messages and a good one, without end: 15 changes of state a second before."""
    episode = running()
    episode.run(20_000, rgb=lambda n, r: constant(RGB, 0)(n, r) if n % 4 else rgb(n, r))
    assert len(episode.changes[RGB]) <= 12
    assert episode.health(RGB).reason is Reason.RECOVERING
    episode.run(400, rgb=constant(RGB, 0))
    assert episode.health(RGB).reason is Reason.DARK


def test_a_flapping_sensor_is_readmitted_twice_as_slowly() -> None:
    episode = running()
    delays_ms = []
    for _ in range(5):
        episode.run(300, rgb=constant(RGB, 0))
        back_ms = episode.now_ms
        episode.run(1000)
        delays_ms.append(episode.delay_ms(RGB, Reason.OK, back_ms))
    assert max(delays_ms[:3]) <= 11 * PERIOD_MS
    assert min(delays_ms[3:]) >= 19 * PERIOD_MS
    episode.run(31_000).run(300, rgb=constant(RGB, 0))
    back_ms = episode.now_ms
    assert episode.run(1000).delay_ms(RGB, Reason.OK, back_ms) <= 11 * PERIOD_MS


def test_a_frozen_camera_must_show_ten_new_images_not_ten_copies() -> None:
    """At 60 Hz ten copies come before they are long enough the same to be called frozen."""
    last: list[np.ndarray] = []

    def nearly_frozen(number: int, random: np.random.Generator) -> np.ndarray:
        if number % 15 == 0 or not last:
            last[:] = [rgb(number, random)]
        return last[0]

    episode = Episode(configured(inputs__rgb__expected_rate_hz=60.0))
    episode.run(1500, period_ms=16).run(600, period_ms=16, rgb=same(RGB))
    assert episode.health(RGB).reason is Reason.FROZEN
    began = len(episode.changes[RGB])
    episode.run(1700, period_ms=16, rgb=nearly_frozen)
    assert not any(health.usable for _, health in episode.changes[RGB][began:])
    episode.run(300, period_ms=16)
    assert episode.health(RGB).reason is Reason.OK
