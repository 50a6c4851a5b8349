# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from hypothesis import given
from hypothesis import strategies as st

from mm_robust_seg.ros.rig.timetable import Timetable

START = 5_000_000_000


def test_frames_are_due_at_fixed_times_whatever_happened_before():
    timetable = Timetable(START, rate_hz=10.0)
    assert timetable.take(START - 1) is None
    assert timetable.take(START) == 0
    assert timetable.take(START) is None
    assert timetable.take(START + 130_000_000) == 1
    assert timetable.next_ns == START + 200_000_000
    assert (timetable.late, timetable.skipped) == (0, 0)


def test_a_frame_taken_after_half_a_period_is_late():
    timetable = Timetable(START, rate_hz=10.0)
    assert timetable.take(START + 51_000_000) == 0
    assert (timetable.late, timetable.skipped) == (1, 0)


def test_frames_whose_successor_is_due_are_skipped_and_counted():
    timetable = Timetable(START, rate_hz=10.0)
    assert timetable.take(START + 310_000_000) == 3
    assert (timetable.late, timetable.skipped) == (0, 3)
    assert timetable.take(START + 400_000_000) == 4


@given(st.lists(st.integers(0, 400_000_000), max_size=30), st.floats(1.0, 120.0))
def test_every_frame_is_taken_once_or_counted_as_skipped(pauses, rate_hz):
    timetable, now_ns, taken = Timetable(START, rate_hz), START, []
    for pause_ns in pauses:
        now_ns += pause_ns
        index = timetable.take(now_ns)
        if index is not None:
            assert 0 <= now_ns - timetable.due_ns(index) < timetable.period_ns
            taken.append(index)
    assert taken == sorted(set(taken))
    assert len(taken) + timetable.skipped == (taken[-1] + 1 if taken else 0)
