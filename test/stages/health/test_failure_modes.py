# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One failure mode after the other: found in time, named, told from what is normal."""

from __future__ import annotations

from episode import (
    aged,
    configured,
    constant,
    DEPTH,
    depth,
    Episode,
    MS,
    PERIOD_MS,
    RGB,
    rgb,
    running,
    same,
    Source,
    THERMAL,
    thermal,
    TICK_MS,
)
import numpy as np
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, HealthLevel, Reason
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.transport import IncompatibleQos, LostMessages, PublisherCount


@pytest.mark.parametrize('modality', list(Modality))
def test_silence_is_noticed_in_time_and_costs_frames_and_time(modality: Modality) -> None:
    episode = running()
    start_ms = episode.now_ms
    episode.run(1000, **{modality.value: None})
    assert 100 <= episode.delay_ms(modality, Reason.SILENT, start_ms) <= 153
    assert episode.usable() == COMPLETE - {modality}
    back_ms = episode.now_ms
    episode.run(3000)
    assert episode.delay_ms(modality, Reason.RECOVERING, back_ms) <= PERIOD_MS
    assert 1000 <= episode.delay_ms(modality, Reason.OK, back_ms) <= 1100


def test_a_missed_frame_or_two_are_not_silence() -> None:
    episode = running().run(2 * PERIOD_MS, rgb=None).run(1000)
    assert episode.reasons(RGB) == [Reason.OK]


CONTENT = [
    (RGB, constant(RGB, 1, noise=1), Reason.DARK, 'mean grey level is'),
    (RGB, constant(RGB, 255), Reason.SATURATED, '100% of the pixels are white'),
    (RGB, constant(RGB, 90), Reason.FLAT, 'varies by 0.00 grey levels'),
    (THERMAL, constant(THERMAL, 300, noise=1e-3), Reason.FLAT, ' raw steps; expected 0.25'),
    (THERMAL, constant(THERMAL, 0), Reason.FLAT, 'varies by 0.00 raw steps'),
    (THERMAL, constant(THERMAL, 30, noise=9), Reason.UNITS, 'check scale_k and offset_k'),
    (DEPTH, constant(DEPTH, 0), Reason.NO_RETURN, '0.0% of the pixels'),
]


@pytest.mark.parametrize(('modality', 'source', 'reason', 'words'), CONTENT)
def test_bad_content_is_noticed_after_three_frames(
    modality: Modality, source: Source, reason: Reason, words: str
) -> None:
    episode = running()
    start_ms = episode.now_ms
    episode.run(500, **{modality.value: source})
    assert episode.delay_ms(modality, reason, start_ms) <= 3 * PERIOD_MS + TICK_MS
    health = episode.health(modality)
    assert (health.reason, health.usable, health.level) == (reason, False, HealthLevel.ERROR)
    assert words in health.detail
    assert health.evidence
    back_ms = episode.now_ms
    episode.run(1000)
    assert 9 * PERIOD_MS <= episode.delay_ms(modality, Reason.OK, back_ms) <= 11 * PERIOD_MS
    assert episode.reasons(modality) == [Reason.OK, reason, Reason.RECOVERING, Reason.OK]


@pytest.mark.parametrize(('modality', 'source', 'reason', 'words'), CONTENT)
def test_one_or_two_bad_frames_are_forgiven(
    modality: Modality, source: Source, reason: Reason, words: str
) -> None:
    episode = running()
    for _ in range(5):
        episode.run(2 * PERIOD_MS, **{modality.value: source}).run(PERIOD_MS)
    assert episode.reasons(modality) == [Reason.OK]


def test_a_night_scene_is_not_a_lens_cap() -> None:
    def night(_: int, random: np.random.Generator) -> np.ndarray:
        image = random.integers(0, 3, (24, 32, 3), np.uint8)
        image[6:9, 8:12] = 60
        return image

    episode = running().run(1000, rgb=night)
    assert episode.health(RGB).evidence['mean'] < Config().monitor.rgb.dark_mean / 5
    assert episode.reasons(RGB) == [Reason.OK]


@pytest.mark.parametrize(('black_level', 'noise'), [(1, 1), (8, 2), (16, 3)])
def test_a_lens_cap_is_found_whatever_the_black_level(black_level: float, noise: float) -> None:
    episode = running().run(500, rgb=constant(RGB, black_level, noise))
    assert episode.health(RGB).reason is Reason.DARK


@pytest.mark.parametrize('modality', [RGB, DEPTH])
def test_a_frozen_sensor_is_noticed_by_equal_images(modality: Modality) -> None:
    episode = running()
    start_ms = episode.now_ms
    episode.run(1000, **{modality.value: same(modality)})
    assert 300 <= episode.delay_ms(modality, Reason.FROZEN, start_ms) <= 400
    assert 'equal images in' in episode.health(modality).detail
    back_ms = episode.now_ms
    episode.run(1000)
    assert episode.delay_ms(modality, Reason.RECOVERING, back_ms) <= PERIOD_MS
    assert 9 * PERIOD_MS <= episode.delay_ms(modality, Reason.OK, back_ms) <= 11 * PERIOD_MS


def test_both_frames_and_time_make_a_freeze() -> None:
    fast = running().run(270, rgb=same(RGB))
    assert fast.reasons(RGB) == [Reason.OK]
    config = configured(inputs__rgb__expected_rate_hz=5.0)
    slow = Episode(config).run(2000, 200).run(780, 200, rgb=same(RGB))
    assert Reason.FROZEN not in slow.reasons(RGB)
    assert Reason.FROZEN in slow.run(400, 200, rgb=same(RGB)).reasons(RGB)


def test_a_thermal_shutter_warns_and_ends_at_once() -> None:
    episode = running()
    for _ in range(6):
        episode.run(2500, thermal=same(THERMAL))
        health = episode.health(THERMAL)
        assert (health.reason, health.level, health.usable) == (
            Reason.FFC,
            HealthLevel.WARN,
            True,
        )
        episode.run(PERIOD_MS + TICK_MS)
        assert episode.health(THERMAL).reason is Reason.OK
        episode.run(500)
    assert set(episode.reasons(THERMAL)) == {Reason.OK, Reason.FFC}


def test_a_thermal_freeze_longer_than_a_shutter_is_a_failure() -> None:
    episode = running()
    start_ms = episode.now_ms
    episode.run(3500, thermal=same(THERMAL))
    assert 3000 <= episode.delay_ms(THERMAL, Reason.FROZEN, start_ms) <= 3100


@pytest.mark.parametrize('reason', [Reason.FORMAT, Reason.TRUNCATED])
def test_three_unreadable_messages_fail_until_the_next_good_one(reason: Reason) -> None:
    episode = running()
    start_ms = episode.turn_ms
    episode.run(TICK_MS + 2 * PERIOD_MS, depth=reason)
    assert episode.reasons(DEPTH) == [Reason.OK]
    episode.run(PERIOD_MS, depth=reason)
    health = episode.health(DEPTH)
    assert (health.reason, health.detail, health.usable) == (reason, 'why', False)
    assert episode.delay_ms(DEPTH, reason, start_ms) == 2 * PERIOD_MS
    assert episode.run(PERIOD_MS + TICK_MS).health(DEPTH).reason is Reason.OK


def small(_: int, random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, (12, 16, 3), np.uint8)


def test_another_image_size_is_a_format_failure() -> None:
    health = running().run(100, rgb=small).health(RGB)
    assert health.reason is Reason.FORMAT
    assert health.detail == (
        'size is 16 x 12 px; the first good frame had 32 x 24: if this is intended, reset the '
        'monitor'
    )


def test_a_camera_that_begins_with_a_bad_image_of_another_size_is_used() -> None:
    episode = Episode().run(PERIOD_MS, rgb=lambda n, r: np.zeros((1, 1, 3), np.uint8))
    assert episode.run(1000).health(RGB).reason is Reason.OK


def test_a_camera_may_come_back_with_another_image_size() -> None:
    episode = running().run(500, rgb=None).run(2000, rgb=small)
    assert episode.health(RGB).reason is Reason.OK
    assert episode.run(100).health(RGB).reason is Reason.FORMAT


@pytest.mark.parametrize(
    ('age_ms', 'reason', 'words'),
    [
        (600, Reason.STALE, 'frame was 0.600 s old'),
        (-2000, Reason.CLOCK, 'inputs.thermal.stamp_offset_s to -2.000'),
    ],
)
def test_wrong_stamps(age_ms: float, reason: Reason, words: str) -> None:
    episode = running()
    episode.run(400, thermal=aged(episode, THERMAL, age_ms))
    health = episode.health(THERMAL)
    assert (health.reason, health.usable) == (reason, False)
    assert words in health.detail


def test_zero_stamps_are_a_clock_failure() -> None:
    episode = running()
    episode.run(200, rgb=lambda n, r: Frame(RGB, 0, episode.now_ms * MS, rgb(n, r)))
    assert episode.health(RGB).detail.startswith('stamp is zero')


def test_a_stuck_stamp_is_noticed_and_forgiven_at_the_next_increase() -> None:
    episode = running()
    stamp_ns = episode.now_ms * MS
    episode.run(200, rgb=lambda n, r: Frame(RGB, stamp_ns, episode.now_ms * MS, rgb(n, r)))
    assert episode.health(RGB).reason is Reason.STAMP_STUCK
    assert episode.run(PERIOD_MS + TICK_MS).health(RGB).reason is Reason.OK


def test_a_low_rate_warns_and_a_very_low_one_fails() -> None:
    episode = running().run(3000, period_ms=50)
    health = episode.health(RGB)
    assert (health.reason, health.level, health.usable) == (Reason.SLOW, HealthLevel.WARN, True)
    health = episode.run(4000, period_ms=90).health(RGB)
    assert (health.reason, health.usable) == (Reason.SLOW, False)
    assert '11.1 frames per second; expected 30' in health.detail


def test_no_publisher_is_gone() -> None:
    episode = running().run(TICK_MS)
    episode.monitor.note(PublisherCount(RGB, 0), episode.now_ms * MS)
    start_ms = episode.now_ms
    episode.run(500, rgb=None)
    assert episode.delay_ms(RGB, Reason.GONE, start_ms) <= 50 + TICK_MS
    assert 'nobody publishes the topic' in episode.health(RGB).detail
    episode.monitor.note(PublisherCount(RGB, 1), episode.now_ms * MS)
    back_ms = episode.now_ms
    episode.run(2000)
    assert 1000 <= episode.delay_ms(RGB, Reason.OK, back_ms) <= 1100


def test_a_frame_is_proof_of_a_publisher_that_was_not_counted_yet() -> None:
    episode = Episode()
    episode.monitor.note(PublisherCount(RGB, 0), episode.now_ms * MS)
    assert episode.run(100).health(RGB).reason is Reason.OK
    assert episode.run(500, rgb=None).health(RGB).reason is Reason.SILENT


def test_frames_that_keep_coming_refute_a_count_of_none() -> None:
    episode = running()
    for _ in range(5):
        episode.monitor.note(PublisherCount(RGB, 0), episode.now_ms * MS)
        episode.run(200)
    assert episode.reasons(RGB) == [Reason.OK]


def test_a_refused_publisher_is_a_matter_of_qos_and_the_policy_is_named() -> None:
    episode = Episode()
    episode.monitor.note(PublisherCount(RGB, 1), episode.now_ms * MS)
    episode.monitor.note(IncompatibleQos(RGB, 'RELIABILITY'), episode.now_ms * MS)
    assert episode.health(RGB).reason is Reason.WAITING
    health = episode.run(200, rgb=None).health(RGB)
    assert (health.reason, health.usable) == (Reason.QOS, False)
    assert 'QoS policy RELIABILITY' in health.detail
    assert episode.run(12 * PERIOD_MS).health(RGB).reason is Reason.OK
    assert episode.run(500, rgb=None).health(RGB).reason is Reason.SILENT


def test_a_second_publisher_that_is_refused_does_no_harm() -> None:
    episode = running()
    episode.monitor.note(IncompatibleQos(RGB, 'DURABILITY'), episode.now_ms * MS)
    assert episode.run(1000).reasons(RGB) == [Reason.OK]


def test_a_refused_publisher_that_left_is_gone() -> None:
    episode = running()
    episode.monitor.note(IncompatibleQos(RGB, 'RELIABILITY'), episode.now_ms * MS)
    assert episode.run(500, rgb=None).health(RGB).reason is Reason.QOS
    episode.monitor.note(PublisherCount(RGB, 0), episode.now_ms * MS)
    assert episode.health(RGB).reason is Reason.GONE


def test_silence_tells_of_messages_that_were_lost() -> None:
    episode = running()
    for _ in range(5):
        episode.run(100, depth=None).monitor.note(LostMessages(DEPTH, 3), episode.now_ms * MS)
    health = episode.health(DEPTH)
    assert health.reason is Reason.SILENT
    assert health.detail.endswith('; 15 messages were lost on the way')
    assert health.evidence['lost_messages'] == 15


def test_a_shutter_at_9_hz_warns_and_never_takes_thermal_out() -> None:
    episode = Episode(configured(inputs__thermal__expected_rate_hz=9.0)).run(4000, 111)
    for freeze_ms in (1000, 2000, 3000):
        episode.run(freeze_ms, 111, thermal=same(THERMAL)).run(3000, 111)
    assert set(episode.reasons(THERMAL)) == {Reason.OK, Reason.FFC}
    assert all(health.usable for _, health in episode.changes[THERMAL])


def test_a_constant_offset_is_suggested_and_a_queue_is_not() -> None:
    constant_age = running().run(400, thermal=lambda n, r: None).run(300)
    constant_age.run(400, thermal=aged(constant_age, THERMAL, 700))
    assert 'inputs.thermal.stamp_offset_s to 0.700' in constant_age.health(THERMAL).detail
    growing = running()
    growing.run(
        600, thermal=lambda n, r: growing.frame(THERMAL, thermal(n, r), 600 + 100 * (n % 7))
    )
    assert growing.health(THERMAL).reason is Reason.STALE
    assert 'stamp_offset_s' not in growing.health(THERMAL).detail


def test_clocks_far_apart_are_to_be_synchronised_or_done_without() -> None:
    episode = running()
    episode.run(300, rgb=aged(episode, RGB, 5_000_000))
    detail = episode.health(RGB).detail
    assert detail.endswith('sensor and computer, or set inputs.rgb.stamp to arrival')


def test_the_reference_can_be_the_odd_one_and_the_offset_that_mends_it_is_named() -> None:
    episode = running()
    health = episode.run(1000, rgb=aged(episode, RGB, 65)).health(RGB)
    assert (health.reason, health.usable) == (Reason.SKEW, True)
    assert health.evidence['suggested_stamp_offset_s'] == pytest.approx(0.06)
    assert [episode.reasons(m) for m in (THERMAL, DEPTH)] == [[Reason.OK]] * 2
    episode.run(1000, rgb=aged(episode, RGB, 65), thermal=None)
    assert episode.health(RGB).reason is Reason.SKEW
    assert episode.reasons(DEPTH) == [Reason.OK]


def test_a_change_of_encoding_or_step_is_named() -> None:
    def laid_out(encoding: str, step_bytes: int) -> Source:
        def source(number: int, random: np.random.Generator) -> Frame:
            now_ns = episode.now_ms * MS
            return Frame(RGB, now_ns, now_ns, rgb(number, random), '', encoding, step_bytes)

        return source

    episode = Episode()
    episode.run(500, rgb=laid_out('rgb8', 96)).run(100, rgb=laid_out('bgr8', 96))
    assert episode.health(RGB).detail.startswith('encoding is bgr8; the first good frame had rgb8')
    episode.run(50, rgb=laid_out('rgb8', 96))
    assert episode.health(RGB).reason is Reason.OK
    episode.run(100, rgb=laid_out('rgb8', 128))
    assert episode.health(RGB).detail.startswith('step is 128 bytes; the first good frame had 96')


def test_a_rate_that_is_low_for_losses_is_lossy_and_says_so_once() -> None:
    chance = np.random.default_rng(3)
    episode = running()
    episode.run(9000, rgb=lambda n, r: rgb(n, r) if chance.random() > 0.25 else None)
    assert episode.reasons(RGB).count(Reason.LOSSY) == 1
    assert Reason.SLOW not in episode.reasons(RGB)
    assert episode.health(RGB).evidence['lost_frames'] > 9


@pytest.mark.parametrize('seed', [58, 101, 117, 156])
def test_a_low_rate_waits_for_the_losses_that_explain_it(seed: int) -> None:
    """With these seeds several frames of the first second are lost close together."""
    chance = np.random.default_rng(seed)
    episode = running()
    episode.run(3000, depth=lambda n, r: depth(n, r) if chance.random() >= 0.2 else None)
    assert Reason.LOSSY in episode.reasons(DEPTH)
    assert Reason.SLOW not in episode.reasons(DEPTH)


@pytest.mark.parametrize('size', [2, 3, 5])
def test_frames_that_come_in_bursts_are_not_lost(size: int) -> None:
    held: list[Frame] = []

    def bursts(number: int, random: np.random.Generator) -> list[Frame]:
        held.append(episode.frame(RGB, rgb(number, random)))
        if len(held) < size:
            return []
        now_ns = episode.now_ms * MS
        given = [Frame(RGB, f.stamp_ns, now_ns, f.image) for f in held]
        held.clear()
        return given

    episode = Episode(configured(monitor__rgb__timeout_s=0.5))
    episode.run(6000, rgb=bursts)
    assert not {Reason.LOSSY, Reason.SLOW} & set(episode.reasons(RGB))


@pytest.mark.parametrize('seed', [0, 1])
def test_a_camera_that_is_slow_and_loses_a_little_is_not_overlooked(seed: int) -> None:
    chance, unseen = np.random.default_rng(seed), 0
    episode = Episode().run(1000)
    for _ in range(100):
        few = {'rgb': lambda n, r: rgb(n, r) if chance.random() >= 0.04 else None}
        episode.run(100, period_ms=46, **few)
        unseen += episode.health(RGB).reason is Reason.OK
    assert unseen < 20


def test_a_sensor_that_is_bad_in_turns_is_bad() -> None:
    white = np.full((24, 32, 3), 255, np.uint8)
    white[0] = 0
    dark = np.zeros((24, 32, 3), np.uint8)
    dark[:, ::2] = 10
    episode = running()
    since_ms = episode.now_ms
    episode.run(300, rgb=lambda n, r: dark if n % 2 else white)
    assert not episode.health(RGB).usable
    found = min(at for at, health in episode.changes[RGB] if not health.usable)
    assert found - since_ms <= 3 * PERIOD_MS + 10


def test_a_wait_that_was_raised_as_told_ends_the_warning_of_skew() -> None:
    for wait_s, reason in ((0.02, Reason.SKEW), (0.1, Reason.OK)):
        episode = Episode(configured(sync__wait_s=wait_s)).run(500)
        episode.run(1500, thermal=aged(episode, THERMAL, 65))
        assert episode.health(THERMAL).reason is reason
    episode.run(1500, thermal=aged(episode, THERMAL, -60))
    assert episode.health(THERMAL).reason is Reason.SKEW


def test_a_short_timeout_leaves_the_rate_watched() -> None:
    limits = configured(monitor__rgb__timeout_s=0.015, inputs__rgb__expected_rate_hz=400.0)
    episode = Episode(limits).run(4000, period_ms=10)
    assert Reason.SLOW in episode.reasons(RGB)
