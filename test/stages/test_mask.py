import numpy as np
import pytest

from mm_robust_seg.dataflow import Prediction, UNLABELED
from mm_robust_seg.stages import mask


def prediction(labels, confidence=None):
    labels = np.asarray(labels, np.uint8)
    confidence = np.full_like(labels, 200) if confidence is None else confidence
    return Prediction(labels, np.asarray(confidence, np.uint8), 0.01)


def test_equal_size_hands_the_prediction_through_without_copy():
    given = prediction(np.zeros((4, 5)))
    labels, confidence = mask.to_reference(given, 4, 5)
    assert labels is given.labels and confidence is given.confidence


@pytest.mark.parametrize('factor', [2, 3])
def test_enlarging_repeats_labels(factor):
    labels = np.random.default_rng(0).integers(0, 5, (6, 8), np.uint8)
    out, _ = mask.to_reference(prediction(labels), 6 * factor, 8 * factor)
    np.testing.assert_array_equal(out, labels.repeat(factor, 0).repeat(factor, 1))


@pytest.mark.parametrize('size', [(7, 9), (120, 161), (3, 400), (1, 1)])
def test_labels_are_never_mixed_and_confidence_stays_in_range(size):
    rng = np.random.default_rng(1)
    given = prediction(rng.choice([0, 4, UNLABELED], (30, 40)), rng.integers(60, 90, (30, 40)))
    labels, confidence = mask.to_reference(given, *size)
    assert labels.shape == confidence.shape == size
    assert labels.dtype == confidence.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 4, UNLABELED}
    assert confidence.min() >= 60 and confidence.max() < 90


def test_confidence_is_interpolated_where_labels_are_not():
    given = prediction([[0, 4]], [[0, 200]])
    _, confidence = mask.to_reference(given, 1, 8)
    assert np.all(np.diff(confidence[0].astype(int)) >= 0)
    assert len(np.unique(confidence)) > 2


def test_unlabeled_is_all_255_without_confidence():
    labels, confidence = mask.unlabeled(3, 4)
    assert labels.shape == confidence.shape == (3, 4)
    assert (labels == 255).all() and not confidence.any()
