"""The synchroniser, driven like the node drives it: at every arrival and every deadline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.config import SyncConfig
from mm_robust_seg.dataflow import Frame, FrameSet
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages.synchronizer import Synchronizer

RGB, THERMAL, DEPTH = Modality
MS = 1_000_000
CONFIG = SyncConfig()
RATES_HZ = dict.fromkeys(Modality, 30.0)
IMAGES = {
    RGB: np.zeros((1, 1, 3), np.uint8),
    THERMAL: np.full((1, 1), 300, np.float32),
    DEPTH: np.ones((1, 1), np.float32),
}


def frame(modality: Modality, stamp_ms: float, latency_ms: float = 5.0) -> Frame:
    stamp_ns = round(stamp_ms * MS)
    return Frame(modality, stamp_ns, stamp_ns + round(latency_ms * MS), IMAGES[modality])


def stream(
    modality: Modality,
    rate_hz: float = 30.0,
    duration_ms: float = 1000.0,
    phase_ms: float = 0.0,
    latency_ms: float = 5.0,
) -> list[Frame]:
    count = int((duration_ms - phase_ms) * rate_hz / 1000)
    return [frame(modality, phase_ms + k * 1000 / rate_hz, latency_ms) for k in range(count)]


@dataclass(frozen=True)
class Given:
    """A set and when it was given."""

    now_ns: int
    frames: FrameSet


def drive(
    synchronizer: Synchronizer, frames: Iterable[Frame], expected: ModalitySet = COMPLETE
) -> list[Given]:
    """Offer frames as they arrive; take at each arrival and each deadline."""
    out: list[Given] = []

    def take(now_ns: int) -> None:
        while (found := synchronizer.take(now_ns, expected)) is not None:
            out.append(Given(now_ns, found))
        deadline_ns = synchronizer.next_deadline_ns
        assert deadline_ns is None or deadline_ns > now_ns, 'the caller would spin'

    for item in sorted(frames, key=lambda f: f.arrival_ns):
        while (deadline_ns := synchronizer.next_deadline_ns or item.arrival_ns) < item.arrival_ns:
            take(deadline_ns)
        synchronizer.offer(item, item.arrival_ns)
        take(item.arrival_ns)
    while (deadline_ns := synchronizer.next_deadline_ns) is not None:
        take(deadline_ns)
    return out


def with_noise(
    frames: Sequence[Frame], seed: int, stamp_ms: float, latency_ms: float
) -> list[Frame]:
    random = np.random.default_rng(seed)
    noisy = []
    for item in frames:
        stamp_ns = item.stamp_ns + round(random.uniform(-stamp_ms, stamp_ms) * MS)
        latency_ns = round(random.uniform(0, latency_ms) * MS)
        noisy.append(replace(item, stamp_ns=stamp_ns, arrival_ns=item.arrival_ns + latency_ns))
    return noisy


def all_streams(**kwargs: float) -> list[Frame]:
    return [item for modality in Modality for item in stream(modality, **kwargs)]


# The eight cases of Autoware's concatenation node.


def test_normal_frames_form_complete_sets_without_waiting() -> None:
    sets = drive(Synchronizer(CONFIG, RATES_HZ), all_streams())
    assert len(sets) == 30
    assert all(s.frames.members == COMPLETE and s.frames.wait_s == 0 for s in sets)
    assert all(s.frames.skew_s == 0 for s in sets)


def test_noisy_stamps_and_latencies_still_form_complete_sets() -> None:
    frames = with_noise(all_streams(), seed=1, stamp_ms=5, latency_ms=8)
    sets = drive(Synchronizer(CONFIG, RATES_HZ), frames)
    assert [s.frames.members for s in sets] == [COMPLETE] * 30
    assert max(s.frames.skew_s for s in sets) <= 0.010


def test_nothing_comes_of_nothing() -> None:
    synchronizer = Synchronizer(CONFIG, RATES_HZ)
    assert synchronizer.take(5 * MS, COMPLETE) is None
    assert synchronizer.next_deadline_ns is None


@pytest.mark.parametrize('survivor', list(Modality))
def test_the_last_sensor_is_served_at_each_deadline(survivor: Modality) -> None:
    sets = drive(Synchronizer(CONFIG, RATES_HZ), stream(survivor))
    assert len(sets) == 30
    assert {round(s.frames.wait_s * 1e3) for s in sets} == {20}


@pytest.mark.parametrize('lost', list(Modality))
def test_a_single_drop_gives_one_partial_set_in_time(lost: Modality) -> None:
    frames = all_streams()
    gone = [f for f in frames if f.modality is lost][10]
    sets = drive(Synchronizer(CONFIG, RATES_HZ), [f for f in frames if f is not gone])
    partial = [s for s in sets if s.frames.members != COMPLETE]
    assert [s.frames.members for s in partial] == [COMPLETE - {lost}]
    assert partial[0].now_ns == gone.arrival_ns + 20 * MS


def test_a_frame_past_the_deadline_is_counted_and_hurts_no_other_set() -> None:
    frames = all_streams()
    victim = [f for f in frames if f.modality is DEPTH][10]
    late = replace(victim, arrival_ns=victim.arrival_ns + 25 * MS)
    synchronizer = Synchronizer(CONFIG, RATES_HZ)
    sets = drive(synchronizer, [late if f is victim else f for f in frames])
    assert [s.frames.members for s in sets].count(COMPLETE) == 29
    assert len(sets) == 30
    assert synchronizer.counters['late'] == 1


def test_a_sensor_that_drops_and_recovers_is_matched_again_at_once() -> None:
    frames = [
        f for f in all_streams() if f.modality is not THERMAL or not 300 < f.stamp_ns / MS < 600
    ]
    sets = drive(Synchronizer(CONFIG, RATES_HZ), frames)
    partial = [s for s in sets if s.frames.members != COMPLETE]
    assert len(sets) == 30
    assert all(300 < s.frames.frames[RGB].stamp_ns / MS < 600 for s in partial)


def test_a_frame_late_but_inside_the_wait_is_used() -> None:
    frames = all_streams()
    victim = [f for f in frames if f.modality is THERMAL][10]
    late = replace(victim, arrival_ns=victim.arrival_ns + 15 * MS)
    sets = drive(Synchronizer(CONFIG, RATES_HZ), [late if f is victim else f for f in frames])
    assert [s.frames.members for s in sets] == [COMPLETE] * 30
    assert max(s.frames.wait_s for s in sets) == pytest.approx(0.015)


# What makes a rig different from the textbook.


def test_a_slow_sensor_joins_where_it_can_and_delays_only_sets_it_may_join() -> None:
    rates = {RGB: 30.0, THERMAL: 9.0, DEPTH: 30.0}
    frames = stream(RGB) + stream(DEPTH) + stream(THERMAL, 9.0, phase_ms=4.0)
    sets = drive(Synchronizer(CONFIG, rates), frames)
    assert all({RGB, DEPTH} <= s.frames.members for s in sets)
    assert len(sets) == 30
    assert sum(THERMAL in s.frames.members for s in sets) == 8
    in_vain = [s for s in sets if s.frames.wait_s > 0 and THERMAL not in s.frames.members]
    assert len(in_vain) <= 3


def test_fast_frames_between_those_of_a_slow_reference_lead_no_sets() -> None:
    rates = {RGB: 10.0, THERMAL: 30.0, DEPTH: 30.0}
    frames = stream(RGB, 10.0) + stream(THERMAL) + stream(DEPTH)
    sets = drive(Synchronizer(CONFIG, rates), frames)
    assert [s.frames.members for s in sets] == [COMPLETE] * 10


def test_a_reference_with_a_slow_driver_still_gets_its_own_partners() -> None:
    frames = stream(RGB, latency_ms=30) + stream(THERMAL) + stream(DEPTH, latency_ms=33)
    sets = drive(Synchronizer(CONFIG, RATES_HZ), frames)
    before_rgb_was_known, partial, *rest = sets
    assert before_rgb_was_known.frames.members == ModalitySet([THERMAL])
    assert partial.frames.members == COMPLETE - {THERMAL}
    assert len(rest) == 29
    assert all(s.frames.skew_s == 0 and s.frames.members == COMPLETE for s in rest)


def test_the_nearest_stamp_wins() -> None:
    synchronizer = Synchronizer(replace(CONFIG, wait_s=0.05), RATES_HZ)
    for item in (frame(THERMAL, 80), frame(THERMAL, 101), frame(THERMAL, 125), frame(DEPTH, 100)):
        synchronizer.offer(item, item.arrival_ns)
    synchronizer.offer(frame(RGB, 100), 140 * MS)
    found = synchronizer.take(140 * MS, COMPLETE)
    assert found is not None
    assert found.frames[THERMAL].stamp_ns == 101 * MS


def test_a_frame_waits_for_the_leader_it_is_nearest_to() -> None:
    synchronizer = Synchronizer(replace(CONFIG, wait_s=0.05), RATES_HZ)
    for item in (frame(RGB, 67), frame(RGB, 100), frame(THERMAL, 95)):
        synchronizer.offer(item, item.arrival_ns)
    found = synchronizer.take(200 * MS, COMPLETE)
    assert found is not None
    assert found.frames[RGB].stamp_ns == 100 * MS
    assert found.frames[THERMAL].stamp_ns == 95 * MS


def offered(*frames: Frame, **changes: float) -> Synchronizer:
    synchronizer = Synchronizer(replace(CONFIG, **changes), RATES_HZ)
    for item in sorted(frames, key=lambda f: f.arrival_ns):
        synchronizer.offer(item, item.arrival_ns)
    return synchronizer


def test_a_sensor_never_goes_back_in_time() -> None:
    frames = [frame(THERMAL, 80), frame(THERMAL, 100), frame(RGB, 101)]
    synchronizer = offered(*frames, max_skew_s=0.1)
    first = synchronizer.take(126 * MS, COMPLETE)
    synchronizer.offer(frame(RGB, 134), 139 * MS)
    second = synchronizer.take(159 * MS, COMPLETE)
    assert first is not None
    assert second is not None
    assert first.frames[THERMAL].stamp_ns == 100 * MS
    assert second.members == ModalitySet([RGB])
    assert synchronizer.counters['unmatched'] == 1


def test_members_are_within_the_skew_of_each_other() -> None:
    synchronizer = offered(frame(RGB, 100), frame(THERMAL, 80), frame(DEPTH, 120))
    found = synchronizer.take(126 * MS, COMPLETE)
    assert found is not None
    assert found.members == COMPLETE - {DEPTH}


def test_a_sensor_in_use_goes_before_one_that_only_comes_along() -> None:
    synchronizer = offered(frame(RGB, 80), frame(THERMAL, 100), frame(DEPTH, 120))
    found = synchronizer.take(200 * MS, COMPLETE - {RGB})
    assert found is not None
    assert found.members == COMPLETE - {RGB}


def test_stamps_half_a_period_apart_need_no_wait_for_the_next_frame() -> None:
    frames = stream(RGB, phase_ms=10) + stream(DEPTH, phase_ms=10) + stream(THERMAL)
    *sets, after_the_end = drive(Synchronizer(CONFIG, RATES_HZ), frames)
    assert after_the_end.frames.members == ModalitySet([THERMAL])
    assert [s.frames.members for s in sets] == [COMPLETE] * 29
    assert all(s.frames.wait_s == pytest.approx(0.010) for s in sets)


def test_a_member_that_a_nearer_one_will_replace_does_not_start_the_wait() -> None:
    synchronizer = offered(frame(THERMAL, 80, 10), frame(RGB, 100), frame(DEPTH, 100))
    assert synchronizer.next_deadline_ns == 125 * MS
    nearer = frame(THERMAL, 100, 18)
    synchronizer.offer(nearer, nearer.arrival_ns)
    found = synchronizer.take(nearer.arrival_ns, COMPLETE)
    assert found is not None
    assert found.frames[THERMAL] is nearer


def test_an_overloaded_caller_gets_the_newest_set_and_a_count() -> None:
    synchronizer = Synchronizer(CONFIG, RATES_HZ)
    for item in sorted(all_streams(duration_ms=135), key=lambda f: f.arrival_ns):
        synchronizer.offer(item, item.arrival_ns)
    found = synchronizer.take(140 * MS, COMPLETE)
    assert found is not None
    assert found.frames[RGB].stamp_ns == max(f.stamp_ns for f in stream(RGB, duration_ms=135))
    assert synchronizer.counters['skipped'] == 3
    assert synchronizer.take(140 * MS, COMPLETE) is None


def test_a_sensor_out_of_use_comes_along_but_leads_nothing() -> None:
    use = COMPLETE - {RGB}
    sets = drive(Synchronizer(CONFIG, RATES_HZ), all_streams(), use)
    assert [s.frames.members for s in sets if s.frames.wait_s] == []
    assert all(s.frames.members >= use for s in sets)
    alone = drive(Synchronizer(CONFIG, RATES_HZ), stream(RGB), use)
    assert alone == []


def test_a_frame_that_waited_in_vain_leads_nothing_when_its_sensor_is_back_in_use() -> None:
    synchronizer = offered(frame(RGB, 100))
    assert synchronizer.take(130 * MS, ModalitySet([THERMAL])) is None
    assert synchronizer.take(200 * MS, COMPLETE) is None
    assert synchronizer.counters['unmatched'] == 1


def test_with_no_sensor_in_use_sets_are_still_given() -> None:
    assert len(drive(Synchronizer(CONFIG, RATES_HZ), all_streams(), ModalitySet())) == 30


def test_reset_forgets_frames_and_old_stamps_are_new_again() -> None:
    synchronizer = Synchronizer(CONFIG, RATES_HZ)
    first = drive(synchronizer, all_streams())
    assert drive(synchronizer, all_streams()) == []
    synchronizer.reset()
    assert len(drive(synchronizer, all_streams())) == len(first)


def test_a_stuck_stamp_does_not_block_the_other_sensors() -> None:
    stuck = [replace(f, stamp_ns=0) for f in stream(RGB)]
    sets = drive(Synchronizer(CONFIG, RATES_HZ), stuck + stream(THERMAL) + stream(DEPTH))
    assert sum(s.frames.members == COMPLETE - {RGB} for s in sets) >= 28


# Laws.

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(list(Modality)),
        st.integers(0, 600),
        st.integers(0, 120),
    ),
    max_size=60,
)
CONFIGS = st.builds(
    SyncConfig,
    max_skew_s=st.sampled_from([0.0, 0.01, 0.033, 0.1]),
    wait_s=st.sampled_from([0.0, 0.005, 0.02, 0.06]),
    buffer_len=st.integers(1, 6),
    reference=st.sampled_from(['rgb', 'thermal', 'depth']),
)
SENSORS = st.sets(st.sampled_from(list(Modality))).map(ModalitySet)


@given(EVENTS, CONFIGS, SENSORS)
def test_laws_of_any_stream(
    events: list[tuple[Modality, int, int]], config: SyncConfig, expected: ModalitySet
) -> None:
    frames = [frame(m, stamp_ms, latency_ms) for m, stamp_ms, latency_ms in events]
    synchronizer = Synchronizer(config, RATES_HZ)
    sets = drive(synchronizer, frames, expected)
    used = [id(f) for s in sets for f in s.frames.frames.values()]
    assert len(used) == len(set(used)), 'a frame was used twice'
    for item in sets:
        assert item.frames.skew_s <= config.max_skew_s + 1e-9
        assert 0 <= item.frames.wait_s <= config.wait_s + 1e-9
        assert item.frames.closed_ns <= item.now_ns
        assert not expected or item.frames.members & expected, 'a set nobody can use'
    kept = (
        len(frames)
        - len(used)
        - sum(synchronizer.counters[name] for name in ('late', 'unmatched', 'evicted'))
    )
    assert kept >= 0


@given(EVENTS, CONFIGS)
def test_a_set_is_given_at_its_deadline_at_the_latest(
    events: list[tuple[Modality, int, int]], config: SyncConfig
) -> None:
    frames = [frame(m, stamp_ms, latency_ms) for m, stamp_ms, latency_ms in events]
    for item in drive(Synchronizer(config, RATES_HZ), frames):
        leaders = [item.frames.frames.get(m) for m in config.reference_order]
        leader = next(f for f in leaders if f is not None)
        wait_ns = round(config.wait_s * 1e9)
        assert item.now_ns <= max(leader.arrival_ns, item.frames.opened_ns) + wait_ns


@settings(max_examples=60)
@given(
    latencies_ms=st.lists(st.integers(0, 12), min_size=20, max_size=20),
    other=EVENTS,
    reference=st.sampled_from(list(Modality)),
)
def test_no_reference_frame_is_lost_whatever_the_others_do(
    latencies_ms: list[int], other: list[tuple[Modality, int, int]], reference: Modality
) -> None:
    leading = [frame(reference, 33 * k, ms) for k, ms in enumerate(latencies_ms)]
    others = [frame(m, stamp, ms) for m, stamp, ms in other if m is not reference]
    synchronizer = Synchronizer(SyncConfig(reference=reference.value), RATES_HZ)
    sets = drive(synchronizer, leading + others)
    served = [s.frames.frames[reference] for s in sets if reference in s.frames.members]
    assert [f.stamp_ns for f in served] == [f.stamp_ns for f in leading]


@given(EVENTS)
def test_time_standing_still_is_harmless(events: list[tuple[Modality, int, int]]) -> None:
    synchronizer = Synchronizer(CONFIG, RATES_HZ)
    for modality, stamp_ms, _ in events:
        synchronizer.offer(replace(frame(modality, stamp_ms), arrival_ns=0), 0)
        for _ in range(2):
            synchronizer.take(0, COMPLETE)


@given(st.lists(st.tuples(st.sampled_from(list(Modality)), st.integers(0, 10**6)), max_size=80))
def test_buffers_are_bounded(events: list[tuple[Modality, int]]) -> None:
    synchronizer = Synchronizer(replace(CONFIG, buffer_len=4), RATES_HZ)
    for modality, stamp_ms in events:
        synchronizer.offer(replace(frame(modality, stamp_ms), arrival_ns=0), 0)
    distinct = [len({s for m, s in events if m is modality}) for modality in Modality]
    assert synchronizer.counters['evicted'] >= sum(max(0, n - 4) for n in distinct)
