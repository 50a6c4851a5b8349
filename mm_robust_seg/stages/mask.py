# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Turn predictions into masks of the reference's size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Job, Prediction, Segmentation, UNLABELED
from mm_robust_seg.modality import Modality, ModalitySet

Gray = NDArray[np.uint8]


def segmentation(
    job: Job,
    combination: ModalitySet,
    prediction: Prediction | None,
    reference_order: Sequence[Modality],
    switched: bool,
) -> Segmentation:
    """Return the mask of a job, in the geometry of the first sensor that it is made of.

    Args:
        combination: what ran; it may be smaller than the job's.
        prediction: of ``combination``; none, for an unlabeled mask, if that is empty.
        reference_order: all sensors, the preferred reference first.
        switched: whether this is the first mask of ``combination``.
    """
    shown = combination or job.frames.members
    reference = next(job.frames.frames[m] for m in reference_order if m in shown)
    height_px, width_px = reference.image.shape[:2]
    labels, confidence = (
        to_reference(prediction, height_px, width_px)
        if prediction
        else unlabeled(height_px, width_px)
    )
    return Segmentation(
        labels=labels,
        confidence=confidence,
        reference=reference,
        combination=combination,
        report=job.report,
        frames=job.frames,
        inference_s=prediction.duration_s if prediction else 0.0,
        switched=switched,
    )


def to_reference(prediction: Prediction, height_px: int, width_px: int) -> tuple[Gray, Gray]:
    """Return labels (nearest) and confidence (linear), (H, W) uint8 each."""
    if prediction.labels.shape == (height_px, width_px):
        return prediction.labels, prediction.confidence
    size = (width_px, height_px)
    confidence = cv2.resize(prediction.confidence, size, interpolation=cv2.INTER_LINEAR)
    return nearest(prediction.labels, height_px, width_px), confidence  # type: ignore[return-value]


def nearest(labels: Gray, height_px: int, width_px: int) -> Gray:
    """Return a label map in another size."""
    size = (width_px, height_px)
    return cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)  # type: ignore[return-value]


def unlabeled(height_px: int, width_px: int) -> tuple[Gray, Gray]:
    """Return the mask of no sensor: every label ``UNLABELED``, no confidence."""
    shape = (height_px, width_px)
    return np.full(shape, UNLABELED, np.uint8), np.zeros(shape, np.uint8)
