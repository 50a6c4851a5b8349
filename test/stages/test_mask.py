# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from mm_robust_seg.dataflow import Frame, FrameSet, HealthReport, Job, Prediction, UNLABELED
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages import mask

RGB, THERMAL, DEPTH = Modality


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


@pytest.mark.parametrize(
    ('ran', 'reference'), [('rgb+depth', RGB), ('thermal+depth', DEPTH), ('', RGB)]
)
def test_the_mask_has_the_geometry_of_the_first_sensor_it_is_made_of(ran, reference):
    sizes = {RGB: (4, 6, 3), THERMAL: (5, 7), DEPTH: (6, 8)}
    images = {m: np.zeros(s, np.uint8 if m is RGB else np.float32) for m, s in sizes.items()}
    frames = FrameSet({m: Frame(m, 0, 0, image) for m, image in images.items()}, RGB, 0, 0)
    combination, order = ModalitySet.parse(ran) if ran else ModalitySet(), (RGB, DEPTH, THERMAL)
    given = prediction([[3]], [[9]]) if combination else None
    job = Job(frames, COMPLETE, HealthReport(0, {}))
    made = mask.segmentation(job, combination, given, order, switched=True)
    assert made.reference is frames.frames[reference]
    assert made.labels.shape == made.confidence.shape == sizes[reference][:2]
    assert set(np.unique(made.labels)) == {3 if combination else UNLABELED}
    assert made.inference_s == (given.duration_s if given else 0)
    assert (made.combination, made.frames, made.switched) == (combination, frames, True)


def test_unlabeled_is_all_255_without_confidence():
    labels, confidence = mask.unlabeled(3, 4)
    assert labels.shape == confidence.shape == (3, 4)
    assert (labels == 255).all() and not confidence.any()
