# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bootstrap intervals: laws, and what happens to classes that a resample loses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from mm_robust_seg.scores.bootstrap import (
    interval,
    multiplicities,
    resampled,
    resampled_iou,
    resampled_miou,
)
from mm_robust_seg.scores.metrics import ConfusionMatrix, miou_of

CLASSES = 3
COUNTS = hnp.arrays(
    np.int32,
    st.integers(1, 8).map(lambda n: (n, CLASSES, CLASSES + 1)),
    elements=st.integers(0, 50),
)


def counts_of(*frames):
    """Count (prediction, truth) pairs of flat label lists."""
    rows = []
    for prediction, truth in frames:
        matrix = ConfusionMatrix(CLASSES)
        matrix.add(np.array(prediction, np.uint8), np.array(truth, np.uint8))
        rows.append(matrix.counts)
    return np.array(rows)


@given(COUNTS)
def test_the_interval_holds_the_estimate(counts):
    estimate = float(miou_of(counts.sum(0)))
    low, high = interval(resampled_miou(counts, multiplicities(len(counts), 50)), estimate)
    assert low <= estimate <= high or np.isnan(estimate)


@given(COUNTS)
def test_taking_every_image_once_gives_the_estimate(counts):
    miou = resampled_miou(counts, np.ones((1, len(counts))))
    np.testing.assert_allclose(miou, [miou_of(counts.sum(0))])


@given(COUNTS)
def test_a_resample_equals_concatenated_images(counts):
    weights = multiplicities(len(counts), 5, seed=3)
    for row, sums in zip(weights, resampled(counts, weights), strict=True):
        expected = np.repeat(counts, row.astype(int), axis=0).sum(0)
        np.testing.assert_array_equal(sums, expected)


def test_every_resample_has_as_many_images():
    weights = multiplicities(7)
    assert weights.shape == (1000, 7)
    assert (weights.sum(1) == 7).all()
    np.testing.assert_array_equal(weights, multiplicities(7))
    assert (weights != multiplicities(7, seed=1)).any()


def test_a_lost_class_is_left_out_although_it_is_predicted():
    counts = counts_of(([0, 2], [0, 0]), ([2, 2], [2, 2]))
    iou = resampled_iou(counts, np.array([[2.0, 0.0], [1.0, 1.0]]))
    np.testing.assert_allclose(iou, [[0.5, np.nan, np.nan], [0.5, np.nan, 2 / 3]])
    np.testing.assert_allclose(resampled_miou(counts, np.array([[2.0, 0.0]])), [0.5])


def test_a_class_that_is_never_in_the_labels_counts_as_in_the_estimate():
    counts = counts_of(([0, 1], [0, 0]))
    np.testing.assert_allclose(resampled_iou(counts, np.ones((1, 1))), [[0.5, 0.0, np.nan]])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits, trials = 0, 200
    for trial in range(trials):
        right = rng.binomial(100, rng.beta(8, 2, 60))
        counts = np.zeros((60, 1, 2), np.int64)
        counts[:, 0, 0], counts[:, 0, 1] = right, 100 - right
        low, high = interval(
            resampled_miou(counts, multiplicities(60, 300, trial)), right.mean() / 100
        )
        hits += low <= 0.8 <= high
    assert 0.90 <= hits / trials <= 0.99


def test_resamples_without_a_score_are_left_out():
    nan = float('nan')
    assert interval(np.array([nan, 0.2, 0.4]), 0.3, 0.5) == pytest.approx((0.25, 0.35))
    assert np.isnan(interval(np.array([nan]), 0.3)).all()
    assert np.isnan(interval(np.array([0.1]), nan)).all()


def test_an_estimate_outside_the_resamples_widens_the_interval():
    assert interval(np.array([0.2, 0.4]), 0.5, 0.5) == pytest.approx((0.25, 0.5))
