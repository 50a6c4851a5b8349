# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""When images arrive in a replay, whatever the clocks of recorder and cameras."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.timeline import Timeline
from mm_robust_seg.replay.clock import arrivals

PERIOD_NS, LATENCIES_NS = 33_333_333, (14_000_000, 30_000_000, 22_000_000)
START_NS = 1_700_000_000_000_000_000
YEAR_S = 31_536_000


def recorded(
    count=90, recorder=lambda time_ns: time_ns, cameras=(lambda stamp_ns: stamp_ns,) * 3
) -> Timeline:
    """Three cameras of 30 Hz.

    Args:
        recorder: turns true time into that of the bag.
        cameras: for each, what turns true time into its stamps.
    """
    rows = [
        (time_ns + latency_ns, time_ns, modality, camera)
        for number in range(count)
        for modality, latency_ns, camera in zip(Modality, LATENCIES_NS, cameras, strict=True)
        for time_ns in [START_NS + number * PERIOD_NS]
    ]
    rows.sort(key=lambda row: row[0])
    return Timeline(
        tuple(modality for _, _, modality, _ in rows),
        np.array([recorder(time_ns) for time_ns, *_ in rows], np.int64),
        np.array([camera(stamp_ns) for _, stamp_ns, _, camera in rows], np.int64),
    )


def shifted(by_s):
    return lambda time_ns: time_ns + round(by_s * 1e9)


def ages_s(timeline, found, modality):
    own = timeline.of(modality)
    return (found.times_ns - timeline.stamps_ns)[own] * 1e-9


@pytest.mark.parametrize(
    ('timeline', 'clock'),
    [
        (recorded(), 'bag'),
        (recorded(recorder=shifted(0.6)), 'bag'),
        (recorded(recorder=shifted(3)), 'stamps'),
        (recorded(recorder=shifted(YEAR_S)), 'stamps'),
        (recorded(recorder=shifted(-0.5)), 'stamps'),
        (recorded(cameras=[shifted(-YEAR_S), shifted(0), shifted(0)]), 'bag'),
        (recorded(cameras=[shifted(-YEAR_S)] * 3), 'stamps'),
        (recorded(cameras=[lambda _: 0] * 3), 'bag'),
        (recorded(cameras=[lambda _: 0, shifted(-9), shifted(-9)]), 'stamps'),
    ],
    ids=[
        'as it should be',
        'old by a latency',
        'recorder 3 s ahead',
        'recorded again',
        'recorder behind',
        'one camera of its own time',
        'simulation',
        'no stamps',
        'no stamps of one camera',
    ],
)
def test_stamps_are_the_clock_where_no_camera_could_have_had_them_by_the_bag(timeline, clock):
    found = arrivals(timeline, 'auto')
    assert found.clock == clock
    assert bool(found.note) == (clock == 'stamps')


def test_a_difference_of_clocks_is_taken_out_and_latencies_stay():
    timeline = recorded(recorder=shifted(YEAR_S))
    found = arrivals(timeline, 'auto')
    assert 'stamps lie 31536000 s behind the time of the bag' in found.note
    for modality, latency_ns in zip(Modality, LATENCIES_NS, strict=True):
        own_s = ages_s(timeline, found, modality)
        np.testing.assert_allclose(own_s, (latency_ns - LATENCIES_NS[0]) * 1e-9, atol=1e-6)
    np.testing.assert_array_equal(np.diff(found.times_ns), np.diff(timeline.times_ns))


@given(st.floats(0.05, 0.9), st.integers(0, 50))
def test_of_a_slow_simulation_images_arrive_in_order_and_not_before_their_stamp(pace, jitter_ms):
    rng = np.random.default_rng(jitter_ms)

    def recorder(time_ns):
        late_ns = int(rng.uniform(0, jitter_ms * 1e6)) + round((time_ns - START_NS) / pace)
        return START_NS + round(1e18) + late_ns

    timeline = recorded(200, recorder)
    order = np.argsort(timeline.times_ns, kind='stable')
    timeline = Timeline(
        tuple(timeline.sensors[place] for place in order),
        timeline.times_ns[order],
        timeline.stamps_ns[order],
    )
    found = arrivals(timeline, 'auto')
    assert found.clock == 'stamps'
    assert (np.diff(found.times_ns) >= 0).all()
    own_s = (found.times_ns - timeline.stamps_ns) * 1e-9
    assert own_s.min() >= 0
    assert own_s.max() <= (50 + jitter_ms) * 1e-3


def test_one_wrong_stamp_moves_no_other_image():
    timeline = recorded(recorder=lambda time_ns: time_ns * 2)
    wrong_ns = np.where(np.arange(270) == 100, 60_000_000_000, 0)
    timeline = replace(timeline, stamps_ns=timeline.stamps_ns + wrong_ns)
    found = arrivals(timeline, 'stamps')
    own_s = np.delete(found.times_ns - timeline.stamps_ns, 100) * 1e-9
    assert own_s.min() >= 0 and own_s.max() < 0.05


def test_stamps_that_begin_anew_take_the_time_back():
    once = recorded(60)
    again = Timeline(
        once.sensors * 2,
        np.concatenate([once.times_ns, once.times_ns * 2]),
        np.concatenate([once.stamps_ns, once.stamps_ns]),
    )
    found = arrivals(again, 'stamps')
    steps_s = np.diff(found.times_ns) * 1e-9
    assert (steps_s < 0).sum() == 1
    assert steps_s.min() == pytest.approx(-59 * PERIOD_NS * 1e-9, abs=0.3)


def test_the_clock_can_be_chosen():
    timeline = recorded(recorder=shifted(YEAR_S))
    by_bag = arrivals(timeline, 'bag')
    assert (by_bag.clock, by_bag.note) == ('bag', '')
    assert by_bag.times_ns is timeline.times_ns
    assert arrivals(recorded(), 'stamps').clock == 'stamps'
    without = arrivals(recorded(cameras=[lambda _: 0] * 3), 'stamps')
    assert without.clock == 'bag'
    assert 'no sensor has stamps that pass' in without.note


@pytest.mark.parametrize('clock', ['auto', 'bag', 'stamps'])
def test_a_bag_without_a_readable_message_has_no_arrivals(clock):
    none = np.array([], np.int64)
    assert len(arrivals(Timeline((), none, none), clock).times_ns) == 0
