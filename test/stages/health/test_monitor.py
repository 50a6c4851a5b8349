"""The health monitor, driven through whole episodes at 30 Hz with a 10 ms watchdog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, HealthLevel, Reason, Rejection, SensorHealth
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import with_values
from mm_robust_seg.stages.health import HealthMonitor

RGB, THERMAL, DEPTH = Modality
MS = 1_000_000
PERIOD_MS = 33
TICK_MS = 10
START_MS = 50_000

Source = Callable[[int, np.random.Generator], Any]


def rgb(_: int, random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, (24, 32, 3), np.uint8)


def thermal(_: int, random: np.random.Generator) -> np.ndarray:
    return random.normal(295, 4, (24, 32)).astype(np.float32)


def depth(_: int, random: np.random.Generator) -> np.ndarray:
    return random.uniform(0.5, 9, (24, 32)).astype(np.float32)


GOOD: dict[Modality, Source] = {RGB: rgb, THERMAL: thermal, DEPTH: depth}


def same(modality: Modality) -> Source:
    image = GOOD[modality](0, np.random.default_rng(1))
    return lambda number, random: image


def constant(modality: Modality, value: float, noise: float = 0.0) -> Source:
    def source(_: int, random: np.random.Generator) -> np.ndarray:
        shape = (24, 32, 3) if modality is RGB else (24, 32)
        image = value + noise * random.uniform(-1, 1, shape)
        return image.astype(np.uint8 if modality is RGB else np.float32)

    return source


class Episode:
    """Three simulated sensors and the watchdog; remembers every change of every verdict."""

    def __init__(self, config: Config | None = None, now_ms: int = START_MS) -> None:
        self.monitor = HealthMonitor(config or Config(), now_ms * MS)
        self.now_ms = now_ms
        self.changes: dict[Modality, list[tuple[int, SensorHealth]]] = {m: [] for m in Modality}
        self._next_ms = now_ms
        self._number = 0
        self._random = np.random.default_rng(0)

    def run(self, duration_ms: int, period_ms: int = PERIOD_MS, **sources: Any) -> Episode:
        """Play for a while; ``rgb=None`` is silence, a Source or a Rejection's reason a fault."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            if self.now_ms >= self._next_ms:
                self._next_ms = self.now_ms + period_ms
                self._number += 1
                for modality in Modality:
                    self._send(modality, sources.get(modality.value, GOOD[modality]))
            self._assess()
            self.now_ms = min(self.now_ms + TICK_MS, max(self._next_ms, self.now_ms + 1))
        return self

    def _send(self, modality: Modality, source: Source | Reason | None) -> None:
        now_ns = self.now_ms * MS
        if isinstance(source, Reason):
            self.monitor.observe(Rejection(modality, now_ns, now_ns, source, 'why'), now_ns)
        elif source is not None:
            image = source(self._number, self._random)
            frame = image if isinstance(image, Frame) else self.frame(modality, image)
            self.monitor.observe(frame, now_ns)

    def frame(self, modality: Modality, image: np.ndarray, age_ms: float = 5) -> Frame:
        now_ns = self.now_ms * MS
        return Frame(modality, now_ns - round(age_ms * MS), now_ns, image)

    def aged(self, modality: Modality, age_ms: float) -> Source:
        return lambda n, random: self.frame(modality, GOOD[modality](n, random), age_ms)

    def _assess(self) -> None:
        for modality, health in self.monitor.assess(self.now_ms * MS).sensors.items():
            seen = self.changes[modality]
            if not seen or (seen[-1][1].reason, seen[-1][1].usable) != (
                health.reason,
                health.usable,
            ):
                seen.append((self.now_ms, health))

    def health(self, modality: Modality) -> SensorHealth:
        return self.monitor.assess(self.now_ms * MS).sensors[modality]

    def usable(self) -> ModalitySet:
        return self.monitor.assess(self.now_ms * MS).usable

    def reasons(self, modality: Modality) -> list[Reason]:
        return [health.reason for _, health in self.changes[modality]]

    def delay_ms(self, modality: Modality, reason: Reason, since_ms: int) -> int:
        found = [at for at, health in self.changes[modality] if health.reason is reason]
        return min(at for at in found if at >= since_ms) - since_ms


def configured(**values: Any) -> Config:
    return with_values(Config(), {name.replace('__', '.'): v for name, v in values.items()})


def running(config: Config | None = None) -> Episode:
    return Episode(config).run(2000)


# Start.


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


def test_an_absent_sensor_that_comes_owes_good_frames() -> None:
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


# Failures: detected in time, named, and paid for.


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
    (THERMAL, constant(THERMAL, 300, noise=0.01), Reason.FLAT, ' K; expected 0.05'),
    (THERMAL, constant(THERMAL, 0), Reason.FLAT, 'varies by 0.000 K'),
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
    assert episode.health(RGB).evidence['mean'] < Config().monitor.rgb.dark_mean
    assert episode.reasons(RGB) == [Reason.OK]


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
def test_an_unreadable_message_counts_at_once_and_until_the_next_good_one(reason: Reason) -> None:
    episode = running().run(TICK_MS + PERIOD_MS, depth=reason)
    health = episode.health(DEPTH)
    assert (health.reason, health.detail, health.usable) == (reason, 'why', False)
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
    episode.run(400, thermal=episode.aged(THERMAL, age_ms))
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
    episode.monitor.publishers(RGB, 0, episode.now_ms * MS)
    start_ms = episode.now_ms
    episode.run(500, rgb=None)
    assert episode.delay_ms(RGB, Reason.GONE, start_ms) <= 50 + TICK_MS
    assert 'nobody publishes the topic' in episode.health(RGB).detail
    episode.monitor.publishers(RGB, 1, episode.now_ms * MS)
    back_ms = episode.now_ms
    episode.run(2000)
    assert 1000 <= episode.delay_ms(RGB, Reason.OK, back_ms) <= 1100


def test_a_frame_is_proof_of_a_publisher_that_was_not_counted_yet() -> None:
    episode = Episode()
    episode.monitor.publishers(RGB, 0, episode.now_ms * MS)
    assert episode.run(100).health(RGB).reason is Reason.OK
    assert episode.run(500, rgb=None).health(RGB).reason is Reason.SILENT


def test_frames_that_keep_coming_refute_a_count_of_none() -> None:
    episode = running()
    for _ in range(5):
        episode.monitor.publishers(RGB, 0, episode.now_ms * MS)
        episode.run(200)
    assert episode.reasons(RGB) == [Reason.OK]


def test_a_refused_publisher_is_a_matter_of_qos_and_the_policy_is_named() -> None:
    episode = Episode()
    episode.monitor.publishers(RGB, 1, episode.now_ms * MS)
    episode.monitor.incompatible_qos(RGB, 'RELIABILITY', episode.now_ms * MS)
    assert episode.health(RGB).reason is Reason.WAITING
    health = episode.run(200, rgb=None).health(RGB)
    assert (health.reason, health.usable) == (Reason.QOS, False)
    assert 'QoS policy RELIABILITY' in health.detail
    assert episode.run(12 * PERIOD_MS).health(RGB).reason is Reason.OK
    assert episode.run(500, rgb=None).health(RGB).reason is Reason.SILENT


def test_a_second_publisher_that_is_refused_does_no_harm() -> None:
    episode = running()
    episode.monitor.incompatible_qos(RGB, 'DURABILITY', episode.now_ms * MS)
    assert episode.run(1000).reasons(RGB) == [Reason.OK]


def test_a_refused_publisher_that_left_is_gone() -> None:
    episode = running()
    episode.monitor.incompatible_qos(RGB, 'RELIABILITY', episode.now_ms * MS)
    assert episode.run(500, rgb=None).health(RGB).reason is Reason.QOS
    episode.monitor.publishers(RGB, 0, episode.now_ms * MS)
    assert episode.health(RGB).reason is Reason.GONE


def test_silence_tells_of_messages_that_were_lost() -> None:
    episode = running()
    for _ in range(5):
        episode.run(100, depth=None).monitor.lost(DEPTH, 3, episode.now_ms * MS)
    health = episode.health(DEPTH)
    assert health.reason is Reason.SILENT
    assert health.detail.endswith('; 15 messages were lost on the way')
    assert health.evidence['lost_messages'] == 15


def test_evidence_of_a_disabled_sensor_is_harmless() -> None:
    monitor = HealthMonitor(configured(inputs__depth__enabled=False), 0)
    monitor.publishers(DEPTH, 0, 0)
    monitor.lost(DEPTH, 5, 0)
    monitor.incompatible_qos(DEPTH, 'LIVELINESS', 0)
    assert monitor.assess(0).sensors[DEPTH].reason is Reason.DISABLED


@pytest.mark.parametrize('resumed_ms', [1, 400, 900, 60_000])
def test_a_paused_clock_blames_nobody(resumed_ms: int) -> None:
    episode = running()
    before = episode.usable()
    for _ in range(300):
        episode.monitor.paused(episode.now_ms * MS)
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
    episode.monitor.paused(episode.now_ms * MS)
    episode.now_ms += 800
    resumed_ms = episode.now_ms
    episode.run(500, thermal=None)
    assert episode.delay_ms(THERMAL, Reason.SILENT, resumed_ms) <= 133 + PERIOD_MS + TICK_MS


# Recovery.


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


def test_other_limits_can_be_set_while_running() -> None:
    episode = running()
    episode.monitor.reconfigure(configured(monitor__rgb__timeout_s=5.0))
    assert episode.run(2000, rgb=None).health(RGB).reason is Reason.OK


# A busy driver, and time itself.


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
    monitor = HealthMonitor(Config(), 0)
    random = np.random.default_rng(0)
    for now_ms in range(0, 2000, 100):
        for m in Modality:
            if m is RGB or now_ms < 1000:
                frame = Frame(m, now_ms * MS, now_ms * MS, GOOD[m](0, random))
                monitor.observe(frame, now_ms * MS)
        report = monitor.assess(now_ms * MS)
        if now_ms >= 1300:
            assert report.sensors[THERMAL].reason is Reason.SILENT


@pytest.mark.parametrize('jump_ms', [-60_000, -200, 1500, 3_600_000])
def test_a_jump_of_the_clock_is_told_until_reset(jump_ms: int) -> None:
    episode = running()
    assert not episode.monitor.jumped(episode.now_ms * MS)
    now_ns = (episode.now_ms + jump_ms) * MS
    assert episode.monitor.jumped(now_ns)
    assert episode.monitor.jumped(now_ns + MS)
    episode.monitor.reset(now_ns)
    assert not episode.monitor.jumped(now_ns)
    assert not episode.monitor.assess(now_ns).usable


def test_a_bag_that_begins_anew_is_a_jump_one_sensor_is_not() -> None:
    episode = running()
    episode.run(PERIOD_MS, rgb=episode.aged(RGB, 1900))
    assert not episode.monitor.jumped(episode.now_ms * MS)
    aged = {m.value: episode.aged(m, 1900) for m in (THERMAL, DEPTH)}
    episode.run(PERIOD_MS, **aged)
    assert episode.monitor.jumped(episode.now_ms * MS)


def test_a_state_remembers_when_it_began() -> None:
    episode = running().run(1000, rgb=None)
    began_ms = next(at for at, h in episode.changes[RGB] if h.reason is Reason.SILENT)
    assert episode.health(RGB).since_ns == began_ms * MS


FAULTS: list[Source | Reason | None] = [
    rgb,
    rgb,
    None,
    Reason.TRUNCATED,
    constant(RGB, 0),
    constant(RGB, 255),
    same(RGB),
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(1, 15)), max_size=12))
def test_laws_of_any_episode(phases: Iterable[tuple[Source | Reason | None, int]]) -> None:
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
