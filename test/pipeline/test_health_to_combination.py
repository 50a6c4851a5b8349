# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Health through the whole pipeline: what becomes of the combination and of the counters."""

from dataclasses import replace

from cameras import (
    combinations,
    config,
    DEPTH,
    names,
    PERIOD_NS,
    raw,
    RGB,
    START_NS,
    THERMAL,
)
import pytest

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet


def reasons(pipeline, now_ns):
    return {m: health.reason for m, health in pipeline.assess(now_ns).sensors.items()}


@pytest.mark.parametrize('busy_periods', [1.5, 3, 6])
def test_a_busy_worker_skips_sets_counts_them_and_blames_no_sensor(make_cameras, busy_periods):
    rig = make_cameras()
    rig.play(20)
    seed = masks = 0
    free_ns = rig.now_ns
    for number in range(90):
        now_ns = START_NS + (20 + number) * PERIOD_NS
        for modality in Modality:
            seed += 1
            rig.pipeline.offer(raw(modality, now_ns - 5_000_000, seed), now_ns)
        for tick in range(3):
            tick_ns = now_ns + tick * 10_000_000
            assert set(reasons(rig.pipeline, tick_ns).values()) == {Reason.OK}
            if tick_ns >= free_ns and rig.pipeline.step(tick_ns) is not None:
                masks += 1
                free_ns = tick_ns + round(busy_periods * PERIOD_NS)
    counters = rig.pipeline.counters
    assert counters['overload'] == counters['skipped'] > 0
    assert masks + counters['overload'] == pytest.approx(90, abs=busy_periods + 1)


def test_a_worker_in_time_is_not_overloaded(make_cameras):
    rig = make_cameras()
    rig.play(60)
    assert rig.pipeline.counters['overload'] == 0


def test_sets_that_nobody_wanted_for_a_while_are_no_overload(make_cameras):
    rig = make_cameras()
    rig.play(20)
    for number in range(10):
        for modality in Modality:
            rig.pipeline.offer(raw(modality, rig.now_ns, 900 + number), rig.now_ns)
        if number == 0:
            assert rig.pipeline.take(rig.now_ns) is not None
        rig.now_ns += PERIOD_NS
    rig.pipeline.rested()
    assert rig.pipeline.take(rig.now_ns) is not None
    assert rig.pipeline.counters['skipped'] > 0
    assert rig.pipeline.counters['overload'] == 0


def test_more_frames_out_of_order_are_counted_and_their_sensor_is_used(make_cameras):
    rig = make_cameras()
    rig.play(20)
    late = rig.pipeline.counters['late']
    for number in range(30):
        old_ns = rig.now_ns - PERIOD_NS - 7_000_000
        rig.pipeline.offer(raw(DEPTH, old_ns, 5000 + number), rig.now_ns)
        rig.play(1)
    assert rig.pipeline.counters['late'] - late == 30
    health = rig.pipeline.assess(rig.now_ns).sensors[DEPTH]
    assert (health.usable, health.reason) == (True, Reason.SURPLUS)


def test_a_thermal_shutter_at_9_hz_never_changes_the_combination(make_cameras):
    rig = make_cameras(config(inputs__thermal__expected_rate_hz=9.0, sync__max_skew_s=0.0))
    shown, used = set(), set()
    for turn in range(90):
        shut = turn % 45 >= 20
        now_ns = START_NS + round(turn / 9 * 1e9)
        image = raw(THERMAL, now_ns, 9 if shut else turn + 1000)
        rig.pipeline.offer(image, now_ns + 1_000_000)
        for fast in range(3):
            at_ns = now_ns + round(fast / 27 * 1e9)
            for modality in (RGB, DEPTH):
                rig.pipeline.offer(raw(modality, at_ns, 3 * turn + fast), at_ns + 2_000_000)
            rig.pipeline.step(at_ns + 25_000_000)
            if turn > 2:
                shown.add(reasons(rig.pipeline, at_ns + 26_000_000)[THERMAL])
                used.add(rig.pipeline.active)
    assert shown == {Reason.OK, Reason.FFC}
    assert used == {COMPLETE}


@pytest.mark.parametrize('min_dwell_s', [0.0, 0.5, 30.0])
def test_dwell_never_delays_a_drop(make_cameras, min_dwell_s):
    rig = make_cameras(config(hysteresis__min_dwell_s=min_dwell_s))
    rig.play(20)
    for sensors in (names('rgb+thermal'), names('rgb')):
        rig.play(5, sensors)
        assert rig.pipeline.active == sensors


def test_another_encoding_takes_a_sensor_out_until_the_first_one_returns(make_cameras):
    rig = make_cameras()
    rig.play(10)
    for number in range(3):
        other = replace(raw(RGB, rig.now_ns - 9_000_000 + number, number), encoding='bgr8')
        rig.pipeline.offer(other, rig.now_ns)
    health = rig.pipeline.assess(rig.now_ns).sensors[RGB]
    assert (health.reason, health.usable) == (Reason.FORMAT, False)
    assert 'encoding is bgr8; the first good frame had rgb8' in health.detail
    rig.play(1)
    assert reasons(rig.pipeline, rig.now_ns)[RGB] is Reason.OK


def test_a_loop_with_one_sensor_left_does_not_starve_it(make_cameras):
    """Its frames would all count as late until the stamps of the first round are passed."""
    rig = make_cameras(config(**{f'monitor__{m}__max_age_s': 60.0 for m in Modality}))
    rig.play(30, ModalitySet([RGB]))
    masks = []
    for number in range(60):
        now_ns = rig.now_ns + number * PERIOD_NS
        stamp_ns = START_NS + (number % 30) * PERIOD_NS
        rig.pipeline.offer(raw(RGB, stamp_ns, 1000 + number), now_ns)
        masks.append(rig.pipeline.step(now_ns) or rig.pipeline.step(now_ns + 21_000_000))
    assert sum(mask is not None for mask in masks) >= 50
    assert combinations([mask for mask in masks if mask]) in (['rgb'], ['none', 'rgb'])
