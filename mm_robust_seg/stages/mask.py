"""Turn predictions into masks at the reference's size, and into pictures for people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import Frame, HealthReport, Prediction, UNLABELED
from mm_robust_seg.modality import Modality, ModalitySet

Gray = NDArray[np.uint8]
Rgb = NDArray[np.uint8]

_SHORT_NAMES = {Modality.RGB: 'RGB', Modality.THERMAL: 'T', Modality.DEPTH: 'D'}
_COLDEST_K, _HOTTEST_K = 263.15, 323.15
_FARTHEST_M = 20.0
_DARKEST_VALID = 24
_FONT = cv2.FONT_HERSHEY_SIMPLEX


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


def colorize(labels: Gray, classes: Sequence[SegmentationClass]) -> Rgb:
    """Return (H, W, 3) uint8 in the colours of ``classes``; every other label is black."""
    return _palette(tuple(classes)).take(labels, axis=0)


def frame_view(frame: Frame) -> Rgb:
    """Return a frame as (H, W, 3) uint8; the same value always has the same brightness.

    Thermal: -10 to 50 degrees Celsius from dark to bright. Depth: 0 to 20 m from bright to dark.
    Invalid pixels are black.
    """
    image = frame.image
    if frame.modality is Modality.RGB:
        return image.astype(np.uint8, copy=False)
    if frame.modality is Modality.THERMAL:
        share = (image - np.float32(_COLDEST_K)) / np.float32(_HOTTEST_K - _COLDEST_K)
    else:
        share = 1 - image / np.float32(_FARTHEST_M)
    gray = _DARKEST_VALID + (255 - _DARKEST_VALID) * np.clip(share, 0, 1)
    return cv2.cvtColor(np.where(image > 0, gray, 0).astype(np.uint8), cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]


def caption(combination: ModalitySet, report: HealthReport) -> str:
    """Say what was used and what is wrong, such as ``RGB+D, thermal: SILENT``."""
    used = '+'.join(_SHORT_NAMES[m] for m in combination) or 'no sensor'
    return ', '.join(filter(None, [used, report.caption()]))


def overlay(frame: Frame, labels: Gray, classes: Sequence[SegmentationClass], caption: str) -> Rgb:
    """Blend the colours of ``labels`` over the view of ``frame`` and write ``caption`` on top.

    ``frame`` is the reference frame, of the size of ``labels``. The result is (H, W, 3) uint8;
    pixels without a class show the frame alone.
    """
    view = frame_view(frame)
    blend = cv2.addWeighted(view, 0.45, colorize(labels, classes), 0.55, 0.0)
    known = (labels < len(classes)).astype(np.uint8)
    picture = cv2.copyTo(blend, known, view.copy())
    _write(picture, caption)  # type: ignore[arg-type]
    return picture  # type: ignore[return-value]


def _write(picture: Rgb, text: str) -> None:
    """Write one line on a dark bar at the top edge, shrunk to the width where necessary."""
    height, width = picture.shape[:2]
    bar = max(height // 16, 15)
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = min(0.6 * bar / text_height, 0.97 * width / max(text_width, 1))
    picture[:bar] //= 4
    origin = (round(0.015 * width), round((bar + scale * text_height) / 2))
    cv2.putText(picture, text, origin, _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)


@lru_cache(maxsize=4)
def _palette(classes: tuple[SegmentationClass, ...]) -> Rgb:
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes)] = [c.color for c in classes]
    palette.setflags(write=False)
    return palette
