# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""ConfusionMatrix: laws, hand-computed values and refusals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.scores.metrics import ConfusionMatrix

CLASSES = 4
LABELS = st.sampled_from([*range(CLASSES), UNLABELED])
PAIRS = hnp.arrays(np.uint8, st.tuples(st.just(2), st.integers(0, 60)), elements=LABELS)


def _matrix(prediction, truth, classes=CLASSES):
    matrix = ConfusionMatrix(classes)
    matrix.add(np.asarray(prediction, np.uint8), np.asarray(truth, np.uint8))
    return matrix


@given(st.lists(PAIRS, min_size=1, max_size=5))
def test_merged_matrices_equal_concatenated_data(parts):
    merged = ConfusionMatrix(CLASSES)
    for prediction, truth in parts:
        merged.merge(_matrix(prediction, truth))
    whole = _matrix(*np.concatenate(parts, axis=1))
    np.testing.assert_array_equal(merged.counts, whole.counts)


@given(PAIRS)
def test_scores_equal_their_definitions_counted_by_sets(pair):
    prediction, truth = pair
    matrix = _matrix(prediction, truth)
    known = truth != UNLABELED
    ious = []
    for label in range(CLASSES):
        union = ((prediction == label) | (truth == label)) & known
        hits = (prediction == label) & (truth == label)
        ious.append(hits.sum() / union.sum() if union.any() else np.nan)
    np.testing.assert_allclose(matrix.iou(), ious)
    present = [value for value in ious if not np.isnan(value)]
    np.testing.assert_allclose(matrix.miou(), np.mean(present) if present else np.nan)
    accuracy = (prediction == truth)[known].mean() if known.any() else np.nan
    np.testing.assert_allclose(matrix.pixel_accuracy(), accuracy)


@given(PAIRS)
def test_a_perfect_prediction_scores_one(pair):
    truth = pair[0]
    matrix = _matrix(truth, truth)
    if (truth != UNLABELED).any():
        assert matrix.miou() == 1.0
        assert matrix.pixel_accuracy() == 1.0


def test_absent_classes_do_not_lower_the_mean():
    matrix = _matrix([0, 0, 1, 1], [0, 0, 1, 0], classes=9)
    assert matrix.miou() == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert np.isnan(matrix.iou()[2:]).all()


def test_an_unlabeled_prediction_is_a_miss_and_an_unlabeled_truth_is_ignored():
    matrix = _matrix([UNLABELED, 0, 1], [0, 0, UNLABELED])
    assert matrix.iou()[0] == 0.5
    assert np.isnan(matrix.iou()[1])
    assert matrix.pixel_accuracy() == 0.5


def test_nothing_counted_gives_nan_without_a_warning():
    matrix = ConfusionMatrix(3)
    assert np.isnan(matrix.miou())
    assert np.isnan(matrix.pixel_accuracy())


def test_shapes_must_agree():
    with pytest.raises(DataError, match='equal shapes'):
        ConfusionMatrix(2).add(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


@pytest.mark.parametrize('bad', [[2, 0], [-1, 0]])
def test_labels_outside_the_classes_are_refused_and_not_counted(bad):
    matrix = ConfusionMatrix(2)
    good = np.zeros(2, np.int16)
    for pair in ((np.array(bad, np.int16), good), (good, np.array(bad, np.int16))):
        with pytest.raises(DataError, match='0 to 1'):
            matrix.add(*pair)
    assert not matrix.counts.any()


def test_floats_are_refused():
    with pytest.raises(DataError, match='dtype float64'):
        ConfusionMatrix(2).add(np.zeros(2), np.zeros(2, np.uint8))  # type: ignore[arg-type]


def test_matrices_of_other_classes_do_not_merge():
    with pytest.raises(DataError, match='same classes'):
        ConfusionMatrix(2).merge(ConfusionMatrix(3))


@pytest.mark.parametrize('count', [0, -1, UNLABELED])
def test_the_class_count_is_checked(count):
    with pytest.raises(ConfigError, match='class_count'):
        ConfusionMatrix(count)
