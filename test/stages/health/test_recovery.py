"""How a sensor that failed is used again."""

from __future__ import annotations

from episode import constant, PERIOD_MS, RGB, running, TICK_MS

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
