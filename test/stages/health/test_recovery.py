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

from mm_robust_seg.dataflow import Reason


def test_a_new_failure_never_makes_recovery_cheaper() -> None:
    episode = running().run(500, rgb=None).run(500)
    assert episode.health(RGB).reason is Reason.RECOVERING
    episode.run(PERIOD_MS + TICK_MS, rgb=Reason.TRUNCATED)
    assert episode.health(RGB).reason is Reason.TRUNCATED
    back_ms = episode.now_ms
    episode.run(2000)
    assert episode.delay_ms(RGB, Reason.OK, back_ms) >= 1000


def test_good_frames_count_in_a_row_only() -> None:
    episode = running().run(300, rgb=constant(RGB, 0)).run(8 * PERIOD_MS)
    back_ms = episode.run(PERIOD_MS + TICK_MS, rgb=constant(RGB, 0)).now_ms
    assert episode.health(RGB).reason is Reason.RECOVERING
    assert episode.run(1000).delay_ms(RGB, Reason.OK, back_ms) >= 9 * PERIOD_MS


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
