# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which mask answers which capture, and which captures a recording has."""

from hypothesis import given
from hypothesis import strategies as st
from observed_run import MS

from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.captures import answers, recorded_captures, reference_frames
from mm_robust_seg.observation.record import MaskRecord, PhaseRecord, RunRecord, Stamped
from mm_robust_seg.simulation.faults import Fault

RGB, THERMAL, DEPTH = Modality


def stamped(stamps_ms, delay_ms=10):
    return [Stamped(round(ms * MS), round((ms + delay_ms) * MS)) for ms in stamps_ms]


def served(captures, masks):
    return [mask is not None for mask in answers(captures, masks)]


def test_a_mask_may_have_the_stamp_of_a_sensor_that_is_a_little_off():
    captures = stamped([0, 33, 66, 99])
    assert served(captures, stamped([14, 47, 80])) == [True, True, True, False]


def test_no_mask_answers_two_captures():
    """With a tolerance alone, 30 masks would answer 60 captures a second."""
    captures = stamped([16 * k for k in range(60)])
    masks = stamped([32 * k for k in range(30)])
    assert served(captures, masks) == [True, False] * 30


def test_the_nearest_mask_answers_whichever_came_first():
    captures = stamped([0, 33, 66])
    near, far = stamped([34]), stamped([40])
    assert answers(captures, [*far, *near])[1] == answers(captures, [*near, *far])[1] == near[0]


def test_a_mask_far_from_every_capture_answers_none():
    assert served(stamped([0, 33, 66]), stamped([90])) == [False, False, False]


def test_a_mask_does_not_answer_the_capture_whose_stamp_comes_again():
    first, again = Stamped(0, 0), Stamped(0, 5000 * MS)
    assert answers([first, again], [first]) == [first, None]
    assert answers([first, again], [again]) == [None, again]


TIMES = st.lists(st.integers(0, 2000), max_size=30)


@given(TIMES, TIMES)
def test_answers_are_masks_each_at_most_once(captures_ms, masks_ms):
    masks = [MaskRecord(*each) for each in stamped(masks_ms)]
    found = [mask for mask in answers(stamped(captures_ms), masks) if mask is not None]
    assert len({id(mask) for mask in found}) == len(found)
    assert all(any(mask is one for one in masks) for mask in found)


def phase(start_ms, end_ms, at_ms, rig_fault=None):
    return PhaseRecord('', start_ms * MS, end_ms * MS, at_ms * MS, {}, rig_fault)


def test_a_capture_is_of_the_phase_of_its_time_when_stamps_come_again():
    phases = [phase(0, 2000, 0), phase(0, 1000, 2000, Fault.LOOP)]
    captures = [Stamped(500 * MS, at_ms * MS) for at_ms in (510, 2490)]
    frames = reference_frames(RunRecord(phases=phases, captures=captures))
    assert [frame.phase for frame in frames] == [0, 1]


def test_a_capture_outside_all_phases_is_of_none():
    record = RunRecord(phases=[phase(0, 1000, 0)], captures=stamped([-33, 0, 999, 1000]))
    assert [frame.phase for frame in reference_frames(record)] == [None, 0, 0, None]


def test_where_a_recording_has_stamps_of_another_clock_its_own_time_decides():
    captures = [Stamped(7, 500 * MS), Stamped(8, 1500 * MS)]
    phases = [phase(0, 1000, 0), phase(1000, 2000, 1000)]
    record = RunRecord(phases=phases, captures=captures, has_one_clock=False)
    assert [frame.phase for frame in reference_frames(record)] == [0, 1]


def test_a_recording_has_the_captures_of_the_next_sensor_while_the_reference_is_silent():
    frames = {RGB: stamped([0, 33, 66, 166]), DEPTH: stamped([2, 35, 68, 101, 134, 168])}
    captures = recorded_captures(frames, (RGB, DEPTH, THERMAL))
    assert captures == stamped([0, 33, 66, 101, 134, 166])
    assert recorded_captures({}, (RGB, DEPTH, THERMAL)) == []
