"""Turn predictions into masks of the reference's size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Prediction, UNLABELED

Gray = NDArray[np.uint8]


def to_reference(prediction: Prediction, height_px: int, width_px: int) -> tuple[Gray, Gray]:
    """Return labels (nearest) and confidence (linear), (H, W) uint8 each."""
    if prediction.labels.shape == (height_px, width_px):
        return prediction.labels, prediction.confidence
    size = (width_px, height_px)
    labels = cv2.resize(prediction.labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    confidence = cv2.resize(prediction.confidence, size, interpolation=cv2.INTER_LINEAR)
    return labels, confidence  # type: ignore[return-value]


def unlabeled(height_px: int, width_px: int) -> tuple[Gray, Gray]:
    """Return the mask of no sensor: every label ``UNLABELED``, no confidence."""
    shape = (height_px, width_px)
    return np.full(shape, UNLABELED, np.uint8), np.zeros(shape, np.uint8)
