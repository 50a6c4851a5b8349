# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the recorder pairs, scores and keeps, in any order of arrival."""

import numpy as np
from observed_run import capture, CLASSES, MS, PAIR, phase, record_run, TRUTH, WRONG, ZERO
import pytest

from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.record import MaskRecord
from mm_robust_seg.observation.recorder import RunRecorder


@pytest.mark.parametrize('is_told_first', [True, False])
def test_the_order_of_arrival_makes_no_difference(is_told_first):
    recorder = RunRecorder(CLASSES)
    recorder.phases.append(phase('all', 0, 1000))
    if is_told_first:
        recorder.mask_facts(ZERO, ZERO + 6 * MS, combination=PAIR)
    recorder.mask(MaskRecord(ZERO, ZERO + 5 * MS), TRUTH)
    if not is_told_first:
        recorder.mask_facts(ZERO, ZERO + 6 * MS, combination=PAIR)
    capture(recorder, ZERO)
    (mask,) = recorder.record().masks
    assert (mask.arrival_ns, mask.combination) == (ZERO + 5 * MS, PAIR)
    assert mask.confusion.miou() == 1.0


def test_what_is_told_of_a_mask_whose_stamp_comes_again_is_not_mixed_up():
    recorder = RunRecorder()
    recorder.mask(MaskRecord(ZERO, ZERO))
    recorder.mask_facts(ZERO, ZERO + 5000 * MS, combination=PAIR)
    recorder.mask(MaskRecord(ZERO, ZERO + 5010 * MS))
    assert [mask.combination for mask in recorder.record().masks] == [None, PAIR]


def test_what_is_told_of_a_mask_that_never_came_is_no_mask():
    recorder = RunRecorder()
    recorder.mask_facts(ZERO, ZERO + 5 * MS, combination=PAIR)
    assert recorder.record().masks == ()


def test_labels_of_another_model_are_reported_not_raised():
    recorder = RunRecorder(CLASSES)
    capture(recorder, ZERO)
    recorder.mask(MaskRecord(ZERO, ZERO + MS), TRUTH)
    capture(recorder, ZERO + 100 * MS)
    recorder.mask(MaskRecord(ZERO + 100 * MS, ZERO + 101 * MS), np.full_like(TRUTH, 7))
    assert 'label 7' in recorder.problem
    assert [mask.confusion for mask in recorder.record().masks] == [None, None]


def test_each_phase_has_one_sample_with_the_images_of_one_stamp():
    samples = record_run().record().samples
    assert {index: s.stamp_ns for index, s in samples.items()} == {
        0: ZERO + 700 * MS,
        1: ZERO + 1700 * MS,
    }
    assert set(samples[1].images) == {Modality.RGB}
    assert (samples[1].images[Modality.RGB] == 17).all()
    assert np.array_equal(samples[1].mask, WRONG)
