# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The synchroniser, driven like the node drives it: at every arrival and every deadline."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
import weakref

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
import pytest
from streams import Driver, frame, Given, MS, play, settings, Stream

from mm_robust_seg.config import Config
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet

RGB, THERMAL, DEPTH = Modality
NORMAL = {RGB: Stream(), THERMAL: Stream(), DEPTH: Stream()}
RIG = {RGB: Stream(latency_ms=14), THERMAL: Stream(latency_ms=30), DEPTH: Stream(latency_ms=22)}


def complete_share(given_sets: list[Given]) -> float:
    return sum(g.frames.members == COMPLETE for g in given_sets) / len(given_sets)


def paces(given_sets: list[Given]) -> set[Modality]:
    return {g.frames.pace for g in given_sets}


def changes(given_sets: list[Given]) -> int:
    return sum(a.frames.members != b.frames.members for a, b in pairwise(given_sets))


# What real rigs look like.


@pytest.mark.parametrize('phase_ms', [0, 5, 13, 20, 30])
@pytest.mark.parametrize('latency_ms', [0, 14, 25, 40, 60, 100])
def test_a_healthy_thermal_camera_takes_part_in_every_mask(latency_ms, phase_ms):
    thermal = Stream(phase_ms=phase_ms, latency_ms=latency_ms)
    sets = play({**RIG, THERMAL: thermal})
    assert complete_share(sets) == 1
    assert paces(sets) == {RGB}
    assert [b.frames.stamp_ns - a.frames.stamp_ns for a, b in pairwise(sets)] == (
        pytest.approx([1e9 / 30] * (len(sets) - 1), abs=2)
    ), 'one mask for every RGB frame'
    allowed_ms = max(latency_ms - 14, 22 - 14) + 5
    assert max(g.delay_ms for g in sets) <= allowed_ms


@pytest.mark.parametrize(
    'rates_hz', [(30, 9, 30), (30, 9, 15), (15, 10, 15), (60, 30, 30), (120, 60, 90), (5, 5, 5)]
)
def test_different_rates_give_complete_sets_at_the_rate_of_the_reference(rates_hz):
    rgb = rates_hz[0]
    phases_ms = (0, 70, 130) if rgb == 5 else (0, 13, 0)
    streams = {
        m: replace(RIG[m], rate_hz=hz, phase_ms=phase)
        for m, hz, phase in zip(Modality, rates_hz, phases_ms, strict=True)
    }
    sets = play(streams)
    assert complete_share(sets) == 1
    assert changes(sets) == 0
    assert paces(sets) == {RGB}
    assert len(sets) == pytest.approx(rgb * 4, abs=0.3 * rgb)


def test_equal_latencies_cost_no_wait():
    assert {g.delay_ms for g in play(NORMAL)} == {0}


def test_a_slow_sensor_costs_no_more_than_its_latency():
    sets = play({RGB: Stream(), DEPTH: Stream(), THERMAL: Stream(9, phase_ms=4)})
    assert max(g.delay_ms for g in sets) <= 4.001, 'the wait for a thermal frame of that moment'
    assert sum(g.delay_ms > 0 for g in sets) <= len(sets) / 3


def test_a_held_frame_is_at_most_its_hold_old():
    sets = play({**RIG, THERMAL: Stream(9, phase_ms=13, latency_ms=30)})
    assert max(g.frames.ages_s[THERMAL] for g in sets) < 1.5 / 9 + 0.030
    ages = [g.frames.ages_s for g in sets]
    assert all(a[RGB] == 0 and a[DEPTH] == 0 for a in ages)


def test_a_frame_past_its_set_goes_with_the_next():
    frames = [f for m, s in NORMAL.items() for f in s.frames(m, 1000)]
    victim = [f for f in frames if f.modality is DEPTH][15]
    late = replace(victim, arrival_ns=victim.arrival_ns + 25 * MS)
    driver = Driver()
    sets = driver.play([late if f is victim else f for f in frames])
    missed = next(g for g in sets if g.frames.stamp_ns == victim.stamp_ns)
    assert missed.frames.ages_s[DEPTH] == pytest.approx(1 / 30, abs=1e-6)
    assert complete_share(sets[4:]) == 1


def test_jitter_and_loss_change_no_combination():
    noisy = {m: replace(s, jitter_ms=12, lost=0.01) for m, s in RIG.items()}
    sets = play(noisy, duration_ms=20000)
    assert complete_share(sets) > 0.995
    assert changes(sets) <= 4


ONE_TRIGGER = {RGB: Stream(5), THERMAL: Stream(5, phase_ms=22), DEPTH: Stream(5, phase_ms=3)}


def test_frames_of_one_trigger_that_drivers_stamp_differently_are_matched():
    sets = play(ONE_TRIGGER, config=settings(sync__wait_s=0.04))
    assert {round(g.frames.skew_s * 1e3) for g in sets} == {22}


def test_nobody_waits_for_a_frame_that_is_taken_much_later():
    sets = play(ONE_TRIGGER)
    assert complete_share(sets) == 1
    assert {round(g.frames.ages_s[DEPTH] * 1e3) for g in sets} == {-3}
    assert {round(g.frames.ages_s[THERMAL] * 1e3) for g in sets} == {178}
    assert max(g.delay_ms for g in sets) <= 5


# Pace.


def test_without_the_reference_the_fastest_sensor_paces():
    streams = {THERMAL: Stream(9, 13, 30), DEPTH: Stream(30, 0, 22)}
    sets = play(streams, active=ModalitySet([THERMAL, DEPTH]))
    assert paces(sets) == {DEPTH}
    assert len(sets) == pytest.approx(120, abs=6)
    assert all(g.frames.members == {THERMAL, DEPTH} for g in sets)


def test_of_equally_fast_sensors_the_one_higher_in_the_order_paces():
    use = ModalitySet([THERMAL, DEPTH])
    nearly = {THERMAL: Stream(29.5), DEPTH: Stream(30)}
    assert paces(play(nearly, active=use)) == {THERMAL}
    order = settings(sync__fallback_order=['rgb', 'depth', 'thermal'])
    assert paces(play(nearly, active=use, config=order)) == {DEPTH}


def test_a_slow_reference_paces_while_it_lives():
    sets = play({RGB: Stream(10), THERMAL: Stream(30), DEPTH: Stream(30)})
    assert paces(sets) == {RGB}
    assert len(sets) == pytest.approx(40, abs=2)


def test_another_sensor_steps_in_for_the_reference_that_misses_its_turn():
    silent = replace(RIG[RGB], silent_ms=(2000, 3000))
    sets = play({**RIG, RGB: silent}, duration_ms=4000)
    stamps_ms = [g.frames.stamp_ns / MS for g in sets]
    assert max(b - a for a, b in pairwise(stamps_ms)) < 67, 'no two captures without a mask'
    assert paces([g for g in sets if not 1990 < g.frames.stamp_ns / MS < 3020]) == {RGB}
    without = [g for g in sets if RGB not in g.frames.members]
    assert all(2000 < g.frames.stamp_ns / MS < 3020 for g in without)


def test_a_moment_never_has_two_masks():
    lossy = {m: replace(s, jitter_ms=15, lost=0.1) for m, s in RIG.items()}
    stamps_ms = [g.frames.stamp_ns / MS for g in play(lossy, duration_ms=20000)]
    assert all(b - a > 16 for a, b in pairwise(stamps_ms))


def test_the_sensors_of_the_moment_are_asked_for_anew_with_every_set():
    driver = Driver()
    frames = [f for m, s in NORMAL.items() for f in s.frames(m, 1000)]
    driver.play(frames, to_the_end=False)
    driver.active = ModalitySet([THERMAL, DEPTH])
    later = [
        replace(f, stamp_ns=f.stamp_ns + 10**9, arrival_ns=f.arrival_ns + 10**9) for f in frames
    ]
    assert paces(driver.play(later)) == {THERMAL}


# Waiting.


def test_a_silent_sensor_costs_the_bounded_wait_and_no_more():
    silent = replace(RIG[THERMAL], silent_ms=(2000, 4000))
    sets = play({**RIG, THERMAL: silent})
    assert max(g.delay_ms for g in sets) <= 30 - 14 + 5
    assert complete_share([g for g in sets if g.frames.stamp_ns < 2000 * MS]) == 1


def test_the_last_sensor_is_served_at_once():
    sets = play({DEPTH: Stream()}, active=ModalitySet([DEPTH]))
    assert {g.delay_ms for g in sets} == {0}


@pytest.mark.parametrize('max_wait_s', [0.005, 0.02])
def test_max_wait_bounds_the_learned_wait(max_wait_s):
    sets = play(RIG, config=settings(sync__max_wait_s=max_wait_s))
    assert max(g.delay_ms for g in sets) <= max_wait_s * 1e3
    assert complete_share(sets) == 1


def test_an_explicit_wait_is_obeyed():
    late = {**RIG, THERMAL: replace(RIG[THERMAL], latency_ms=60)}
    sets = play(late, config=settings(sync__wait_s=0.05))
    assert all(g.frames.skew_s == 0 for g in sets)
    assert {round(g.delay_ms) for g in sets} == {46}
    gone = {**RIG, THERMAL: replace(RIG[THERMAL], silent_ms=(2000, 4000))}
    sets = [g for g in play(gone, config=settings(sync__wait_s=0.05)) if 2.1e9 < g.now_ns < 3.9e9]
    assert {round(g.delay_ms) for g in sets} == {50}


def test_an_explicit_skew_is_obeyed():
    streams = {**NORMAL, THERMAL: Stream(9, phase_ms=13)}
    sets = play(streams, config=settings(sync__max_skew_s=0.03))
    assert max(g.frames.skew_s for g in sets) <= 0.03
    assert 0.25 < complete_share(sets) < 0.7


@pytest.mark.parametrize('hold_s', [0.02, 0.05, 1.0])
def test_an_explicit_hold_is_obeyed(hold_s):
    silent = Stream(silent_ms=(2000, 4000))
    sets = play({**NORMAL, THERMAL: silent}, config=settings(inputs__thermal__hold_s=hold_s))
    ages = [g.frames.ages_s[THERMAL] for g in sets if THERMAL in g.frames.members]
    assert hold_s - 0.034 <= max(ages) <= hold_s


def test_an_explicit_rate_is_known_from_the_first_frame():
    config = settings(**{f'inputs__{m}__expected_rate_hz': 30.0 for m in Modality})
    frames = [f for m, s in RIG.items() for f in s.frames(m, 100)]
    assert Driver(config).play(frames)[1].frames.members == COMPLETE


# Members.


def offered(*frames, **values) -> Driver:
    config = settings(**{f'inputs__{m}__expected_rate_hz': 30.0 for m in Modality}, **values)
    driver = Driver(config)
    for item in sorted(frames, key=lambda f: f.arrival_ns):
        driver.synchronizer.offer(item)
    return driver


def test_the_nearest_stamp_wins():
    driver = offered(frame(THERMAL, 80), frame(THERMAL, 101), frame(THERMAL, 125), frame(RGB, 100))
    found = driver.synchronizer.take(140 * MS, COMPLETE)
    assert found.frames[THERMAL].stamp_ns == 101 * MS


def test_a_sensor_never_goes_back_in_time():
    driver = offered(frame(RGB, 100), frame(THERMAL, 100))
    driver.synchronizer.take(140 * MS, COMPLETE)
    driver.synchronizer.offer(frame(THERMAL, 99, latency_ms=50))
    assert driver.synchronizer.counters['late'] == 1
    driver.synchronizer.offer(frame(RGB, 133))
    found = driver.synchronizer.take(170 * MS, COMPLETE)
    assert found.frames[THERMAL].stamp_ns == 100 * MS


def test_a_frame_taken_far_after_the_moment_waits_for_its_own():
    driver = offered(frame(RGB, 100, 50), frame(THERMAL, 125, 5))
    found = driver.synchronizer.take(190 * MS, COMPLETE)
    assert found.members == ModalitySet([RGB])


def test_a_sensor_out_of_use_comes_along_but_calls_for_no_mask():
    sets = play(NORMAL, active=COMPLETE - {RGB})
    assert paces(sets) == {THERMAL}
    assert all(g.frames.members == COMPLETE for g in sets)
    assert play({RGB: Stream()}, active=COMPLETE - {RGB}) == []


def test_with_no_sensor_in_use_sets_are_still_given():
    assert len(play(NORMAL, active=ModalitySet())) > 100


def test_a_disabled_sensor_is_not_asked_for():
    config = settings(inputs__rgb__enabled=False)
    sets = play({THERMAL: Stream(), DEPTH: Stream()}, config=config)
    assert paces(sets) == {THERMAL}


# Counters and limits.


def test_an_overloaded_caller_gets_the_newest_set_and_a_count():
    frames = [f for m in Modality for f in Stream().frames(m, 135)]
    driver = offered(*frames)
    found = driver.synchronizer.take(140 * MS, COMPLETE)
    assert found.stamp_ns == max(f.stamp_ns for f in frames)
    assert driver.synchronizer.counters['skipped'] == 3
    assert driver.synchronizer.take(140 * MS, COMPLETE) is None


def test_a_repeated_stamp_is_late_and_blocks_nobody():
    stuck = [replace(f, stamp_ns=0) for f in Stream().frames(RGB, 1000)]
    others = [f for m in (THERMAL, DEPTH) for f in Stream().frames(m, 1000)]
    driver = Driver(active=COMPLETE)
    sets = driver.play(stuck + others)
    assert driver.synchronizer.counters['late'] == len(stuck) - 1
    assert len(sets) >= 13, 'others step in, each time after the reference missed its turn'


def test_frames_without_a_place_are_counted():
    driver = Driver()
    driver.play([f for m, hz in ((RGB, 10), (THERMAL, 30)) for f in Stream(hz).frames(m, 2000)])
    assert driver.synchronizer.counters['unmatched'] == pytest.approx(40, abs=4)


def test_reset_forgets_frames_and_old_stamps_are_new_again():
    frames = [f for m, s in NORMAL.items() for f in s.frames(m, 1000)]
    driver = Driver()
    first = driver.play(frames)
    assert driver.play(frames) == []
    driver.synchronizer.reset(0)
    assert len(driver.play(frames)) == pytest.approx(len(first), abs=2)


def test_the_last_image_of_a_dead_camera_is_not_kept_for_ever():
    last = frame(THERMAL, 100)
    held = weakref.ref(last)
    driver = offered(frame(RGB, 100), last)
    del last
    found = driver.synchronizer.take(140 * MS, COMPLETE)
    for at_ms in (5_000, 10_200):
        assert held() is not None
        driver.synchronizer.offer(frame(RGB, at_ms))
        found = driver.synchronizer.take((at_ms + 500) * MS, COMPLETE)
    assert found is not None
    assert held() is None


def test_nothing_comes_of_nothing():
    synchronizer = Driver().synchronizer
    assert synchronizer.take(5 * MS, COMPLETE) is None
    assert synchronizer.next_deadline_ns is None


# Laws.

STREAMS = st.builds(
    Stream,
    rate_hz=st.sampled_from([5.0, 9.0, 15.0, 25.0, 30.0, 60.0]),
    phase_ms=st.floats(0, 100),
    latency_ms=st.floats(0, 100),
    jitter_ms=st.floats(0, 5),
)
RIGS = st.fixed_dictionaries(dict.fromkeys(Modality, STREAMS))


@examples(deadline=None, max_examples=60)
@given(RIGS)
def test_one_mask_for_every_frame_of_the_pace(rig):
    sets = play(rig, duration_ms=4000, skip_ms=1500)
    stamps_ms = [g.frames.stamp_ns / MS for g in sets]
    assert paces(sets) == {RGB}
    assert all(
        b - a == pytest.approx(1000 / rig[RGB].rate_hz, abs=0.01) for a, b in pairwise(stamps_ms)
    )
    assert complete_share(sets) == 1


@examples(deadline=None, max_examples=60)
@given(RIGS, st.sampled_from(list(Modality)), st.floats(0, 0.2))
def test_a_silent_sensor_never_delays_beyond_the_bound(rig, silent, lost):
    rig = {m: replace(s, lost=lost) for m, s in rig.items()}
    rig[silent] = replace(rig[silent], silent_ms=(2000, 10**6))
    driver = Driver()
    sets = driver.play([f for m, s in rig.items() for f in s.frames(m, 4000)])
    bound_ms = 1000 / min(s.rate_hz for s in rig.values())
    latencies_ms = [s.latency_ms + s.jitter_ms for s in rig.values()]
    apart_ms = max(latencies_ms) - min(latencies_ms)
    for item in sets:
        stepped_in = item.frames.pace is not RGB
        is_learning = item.now_ns < 1500 * MS
        most_ms = max(bound_ms, 1000 * Config().sync.max_wait_s) if is_learning else bound_ms
        assert item.delay_ms <= (3 * most_ms + apart_ms if stepped_in else most_ms) + 6
    stamps = [g.frames.stamp_ns for g in sets]
    assert all(a < b for a, b in pairwise(stamps)), 'masks in order'


EVENTS = st.lists(
    st.tuples(st.sampled_from(list(Modality)), st.integers(0, 600), st.integers(0, 120)),
    max_size=60,
)
CONFIGS = st.builds(
    lambda skew, wait, hold, length, reference: settings(
        sync__max_skew_s=skew,
        sync__wait_s=wait,
        inputs__thermal__hold_s=hold,
        sync__buffer_len=length,
        sync__reference=reference,
    ),
    st.sampled_from([0.0, 0.01, 0.033, 0.1]),
    st.sampled_from([0.0, 0.005, 0.02, 0.06]),
    st.sampled_from([0.0, 0.05, 0.5]),
    st.integers(1, 6),
    st.sampled_from(['rgb', 'thermal', 'depth']),
)
SENSORS = st.sets(st.sampled_from(list(Modality))).map(ModalitySet)


@examples(deadline=None)
@given(EVENTS, CONFIGS, SENSORS)
def test_laws_of_any_stream(events, config, active):
    driver = Driver(config, active)
    frames = [frame(m, stamp_ms, latency_ms) for m, stamp_ms, latency_ms in events]
    sets = driver.play(frames)
    stamps = [g.frames.stamp_ns for g in sets]
    assert all(a < b for a, b in pairwise(stamps)), 'masks in order'
    newest = dict.fromkeys(Modality, -1)
    for item in sets:
        assert not active or item.frames.pace in active
        assert item.frames.opened_ns <= item.frames.closed_ns <= item.now_ns
        limit_s = config.sync.max_skew_s or 10.0
        assert all(abs(age_s) <= limit_s for age_s in item.frames.ages_s.values())
        if (hold_s := config.inputs.thermal.hold_s) and THERMAL in item.frames.members:
            assert item.frames.ages_s[THERMAL] <= hold_s
        for modality, member in item.frames.frames.items():
            assert member.stamp_ns >= newest[modality], 'a sensor went back in time'
            newest[modality] = member.stamp_ns
    used = {id(f) for g in sets for f in g.frames.frames.values()}
    dropped = sum(driver.synchronizer.counters[k] for k in ('late', 'unmatched', 'evicted'))
    assert len(used) + dropped <= len(frames)


@given(EVENTS)
def test_time_standing_still_is_harmless(events):
    driver = Driver()
    for modality, stamp_ms, _ in events:
        driver.synchronizer.offer(replace(frame(modality, stamp_ms), arrival_ns=0))
        for _ in range(2):
            driver.synchronizer.take(0, COMPLETE)


@given(st.lists(st.tuples(st.sampled_from(list(Modality)), st.integers(0, 10**6)), max_size=80))
def test_buffers_are_bounded(events):
    driver = Driver(settings(sync__buffer_len=4))
    for modality, stamp_ms in events:
        driver.synchronizer.offer(replace(frame(modality, stamp_ms), arrival_ns=0))
    distinct = [len({s for m, s in events if m is modality}) for modality in Modality]
    assert driver.synchronizer.counters['evicted'] >= sum(max(0, n - 4) for n in distinct)
