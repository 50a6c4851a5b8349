# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What held up the node, or everything at once, blames no sensor; a real fault is found later."""

from __future__ import annotations

from episode import DEPTH, Episode, GOOD, MS, PERIOD_MS, RGB, running, THERMAL, TICK_MS
import numpy as np
import pytest

from mm_robust_seg.dataflow import Frame, Reason
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.transport import BeingDecoded, HeldUp, PassedOver

TIMEOUT_MS = 133


def are_well(episode: Episode) -> bool:
    return all(episode.reasons(m) == [Reason.OK] for m in Modality)


def hold_up(episode: Episode, duration_ms: int, **sources: object) -> None:
    """Play while the watchdog looks, but nobody reads messages."""
    start_ms = episode.now_ms
    while episode.now_ms < start_ms + duration_ms:
        episode.monitor.note(HeldUp(start_ms * MS), episode.now_ms * MS)
        episode.run(TICK_MS, **{'thermal': None, **sources})


def test_messages_that_nobody_could_read_are_no_silence() -> None:
    episode = running()
    hold_up(episode, 400)
    episode.run(2000)
    assert are_well(episode)


def test_without_a_word_from_us_the_same_silence_is_one() -> None:
    episode = running().run(400, thermal=None)
    assert episode.reasons(THERMAL) == [Reason.OK, Reason.SILENT]


def test_a_sensor_that_dies_while_we_are_held_up_is_found_when_that_ends() -> None:
    episode = running()
    hold_up(episode, 400)
    resumed_ms = episode.now_ms
    episode.run(400, thermal=None)
    delay_ms = episode.delay_ms(THERMAL, Reason.SILENT, resumed_ms)
    assert delay_ms <= TIMEOUT_MS + TICK_MS


def test_a_sensor_that_dies_is_found_though_we_are_held_up_for_ever() -> None:
    episode = running()
    start_ms = episode.now_ms
    hold_up(episode, 8000)
    assert episode.delay_ms(THERMAL, Reason.SILENT, start_ms) < 6000
    assert episode.reasons(RGB)[-1] is Reason.OK


def test_being_held_up_twice_counts_once() -> None:
    """Late looks and a reader that does not answer tell the same time."""
    episode = running()
    since_ns = episode.now_ms * MS
    for _ in range(10):
        for _ in range(5):
            episode.monitor.note(HeldUp(since_ns), episode.now_ms * MS)
        episode.run(TICK_MS, thermal=None)
    resumed_ms = episode.now_ms
    episode.run(400, thermal=None)
    assert episode.delay_ms(THERMAL, Reason.SILENT, resumed_ms) >= TIMEOUT_MS - 40


def test_sensors_that_are_quiet_at_once_for_a_moment_are_well() -> None:
    silent = {m.value: None for m in Modality}
    episode = running()
    for gap_ms in (200, 300, 500):
        episode.run(gap_ms, **silent)
        episode.run(1500)
    assert [episode.reasons(m)[-1] for m in Modality] == [Reason.OK] * 3
    assert not any(Reason.SILENT in episode.reasons(m) for m in Modality)


def test_after_a_moment_of_quiet_those_that_come_back_first_blame_no_other() -> None:
    episode = running().run(300, rgb=None, thermal=None, depth=None)
    episode.run(60, thermal=None)
    episode.run(1000)
    assert not any(Reason.SILENT in episode.reasons(m) for m in Modality)


def test_sensors_that_all_die_at_once_are_found_half_a_second_later() -> None:
    episode = running()
    start_ms = episode.now_ms
    episode.run(1500, rgb=None, thermal=None, depth=None)
    delays_ms = [episode.delay_ms(m, Reason.SILENT, start_ms) for m in Modality]
    assert max(delays_ms) <= TIMEOUT_MS + 500 + PERIOD_MS + 2 * TICK_MS


@pytest.mark.parametrize('others', [{}, {'depth': None}])
def test_a_sensor_that_dies_alone_is_found_in_time(others: dict[str, None]) -> None:
    episode = running()
    episode.run(3000, **others)
    start_ms = episode.now_ms
    episode.run(400, thermal=None, **others)
    assert episode.delay_ms(THERMAL, Reason.SILENT, start_ms) <= TIMEOUT_MS + PERIOD_MS + TICK_MS


def test_a_starved_node_calls_nobody_slow() -> None:
    """Every half second it misses all messages of 0.2 s."""
    episode = running()
    for _ in range(20):
        since_ms = episode.now_ms
        episode.run(200, rgb=None, thermal=None, depth=None)
        episode.monitor.note(HeldUp(since_ms * MS), episode.now_ms * MS)
        episode.run(300)
    assert are_well(episode)


def slowly_decoded(episode: Episode, duration_ms: int, decoding_ms: int) -> None:
    """Decode thermal images slowly on a thread of their own; they come all the time."""
    random, monitor = np.random.default_rng(0), episode.monitor
    end_ms, next_ms, done_ms = episode.now_ms + duration_ms, episode.now_ms, None
    in_hand_ms, waiting_ms = None, []
    while episode.now_ms < end_ms:
        now_ns = episode.now_ms * MS
        if episode.now_ms >= next_ms:
            next_ms += PERIOD_MS
            waiting_ms.append(episode.now_ms)
        if in_hand_ms is not None and episode.now_ms >= done_ms:
            image = GOOD[THERMAL](0, random)
            monitor.observe(Frame(THERMAL, in_hand_ms * MS, in_hand_ms * MS, image), now_ns)
            in_hand_ms = None
        if in_hand_ms is None and waiting_ms:
            for passed_ms in waiting_ms[:-1]:
                monitor.note(PassedOver(THERMAL, passed_ms * MS, passed_ms * MS), now_ns)
            in_hand_ms, waiting_ms = waiting_ms[-1], []
            done_ms = episode.now_ms + decoding_ms
            monitor.note(BeingDecoded(THERMAL, in_hand_ms * MS), now_ns)
        for arrival_ms in waiting_ms[-1:]:
            monitor.note(BeingDecoded(THERMAL, arrival_ms * MS), now_ns)
        episode.run(TICK_MS, thermal=None)


def test_a_sensor_whose_images_take_long_to_decode_is_neither_silent_nor_slow() -> None:
    episode = running()
    slowly_decoded(episode, 5000, decoding_ms=700)
    assert are_well(episode)
    assert episode.monitor.passed_over > 100


def test_it_delays_no_verdict_on_others() -> None:
    episode = running()
    slowly_decoded(episode, 3000, decoding_ms=700)
    start_ms = episode.now_ms
    random = np.random.default_rng(0)
    while episode.now_ms < start_ms + 300:
        arrival_ms = start_ms - 400
        episode.monitor.note(BeingDecoded(THERMAL, episode.now_ms * MS), episode.now_ms * MS)
        episode.run(TICK_MS, thermal=None, depth=None)
    image = GOOD[THERMAL](0, random)
    late = Frame(THERMAL, arrival_ms * MS, arrival_ms * MS, image)
    episode.monitor.observe(late, episode.now_ms * MS)
    assert episode.delay_ms(DEPTH, Reason.SILENT, start_ms) <= TIMEOUT_MS + PERIOD_MS + TICK_MS
    assert episode.usable() == COMPLETE - {DEPTH}


def test_a_sensor_that_dies_while_its_last_image_is_decoded_is_silent() -> None:
    episode = running()
    start_ms = episode.now_ms
    episode.monitor.note(BeingDecoded(THERMAL, start_ms * MS), start_ms * MS)
    episode.run(400, thermal=None)
    assert episode.delay_ms(THERMAL, Reason.SILENT, start_ms) <= TIMEOUT_MS + 2 * TICK_MS
