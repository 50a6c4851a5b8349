# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures for people, (H, W, 3) uint8: camera images, labels in colour, labels over an image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import HealthReport
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality, ModalitySet

Image = NDArray[Any]
Labels = NDArray[np.uint8]
Rgb = NDArray[np.uint8]
Span = tuple[float, float]
"""Lowest and highest value that false colours tell apart, in the unit of the sensor."""

FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARKEST_VALID = 24
_WHITE, _RED = (255, 255, 255), (255, 120, 110)


def camera_view(modality: Modality, image: Image) -> Rgb:
    """Return a decoded image in shades of grey, an RGB one as it is; invalid pixels are black.

    The same value always has the same brightness.
    """
    scale = KINDS[modality].view
    if scale is None:
        return image.astype(np.uint8, copy=False)
    gray = _gray(image, scale.darkest, scale.brightest)
    return cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]


def false_color_view(modality: Modality, image: Image, span: Span) -> Rgb:
    """Return a decoded image in colours spread over ``span``; invalid pixels are black.

    An RGB image stays as it is.
    """
    scale = KINDS[modality].view
    if scale is None:
        return image.astype(np.uint8, copy=False)
    gray = _gray(image, *(span if scale.darkest < scale.brightest else span[::-1]))
    colors = cv2.applyColorMap(gray, scale.color_map)
    colors[gray == 0] = 0
    return cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def span_of(modality: Modality, images: Sequence[Image]) -> Span:
    """Return the values between which nearly all valid pixels of ``images`` lie.

    One percent of them may be above, and as many below; more where the kind of sensor wants
    contrast about the median.
    """
    scale = KINDS[modality].view
    valid = np.concatenate([image[image > 0] for image in images] or [np.zeros(0)])
    if scale is None or not valid.size:
        return 0.0, 1.0
    low, middle, high = map(float, np.quantile(valid, (0.01, 0.5, 0.99)))
    return max(low, middle - scale.most_below_median), high


def span_name(modality: Modality, span: Span) -> str:
    """Say a span, such as ``thermal 283 to 301 K``; of RGB its name alone."""
    if KINDS[modality].view is None:
        return str(modality)
    return f'{modality} {span[0]:.3g} to {span[1]:.3g} {KINDS[modality].unit_sign}'


def short_name(combination: ModalitySet) -> str:
    """Return a combination such as ``RGB+T+D``."""
    return '+'.join(KINDS[m].short_name for m in combination) or 'none'


def caption(combination: ModalitySet, report: HealthReport) -> str:
    """Say what was used and what is wrong, such as ``RGB+D, thermal: SILENT``.

    Sensors that are used for want of better ones are called degraded.
    """
    used = short_name(combination) if combination else 'no sensor'
    degraded = ' degraded' if report.degraded(combination) else ''
    return ', '.join(filter(None, [used + degraded, report.caption()]))


def colorize(labels: Labels, classes: Sequence[SegmentationClass]) -> Rgb:
    """Return labels (H, W) in the colours of ``classes``; every other label is black."""
    return _palette(tuple(classes)).take(labels, axis=0)


def overlay(view: Rgb, labels: Labels, classes: Sequence[SegmentationClass], text: str) -> Rgb:
    """Blend the colours of ``labels`` over ``view``, of their size, and write ``text`` on top.

    Pixels without a class show the view alone.
    """
    blend = cv2.addWeighted(view, 0.45, colorize(labels, classes), 0.55, 0.0)
    known = (labels < len(classes)).astype(np.uint8)
    return captioned(cv2.copyTo(blend, known, view.copy()), text)  # type: ignore[arg-type]


def captioned(picture: Rgb, text: str, is_bad: bool = False) -> Rgb:
    """Write one line on a dark bar at the top edge, shrunk to the width; return ``picture``.

    Args:
        is_bad: write it in red.
    """
    height, width = picture.shape[:2]
    bar = max(height // 16, 15)
    (text_width, ascent), descent = cv2.getTextSize(text, FONT, 1.0, 1)
    scale = min(0.8 * bar / (ascent + descent), 0.97 * width / max(text_width, 1))
    picture[:bar] //= 4
    origin = (round(0.015 * width), round((bar + scale * (ascent - descent)) / 2))
    cv2.putText(picture, text, origin, FONT, scale, _RED if is_bad else _WHITE, 1, cv2.LINE_AA)
    return picture


def _gray(image: Image, darkest: float, brightest: float) -> NDArray[np.uint8]:
    """Return brightness: 0 where invalid, otherwise ``_DARKEST_VALID`` to 255."""
    reach = np.float32(brightest - darkest) or np.float32(1.0)
    share = np.clip((image - np.float32(darkest)) / reach, 0, 1)
    gray = _DARKEST_VALID + (255 - _DARKEST_VALID) * share
    return np.where(image > 0, gray, 0).astype(np.uint8)


@lru_cache(maxsize=4)
def _palette(classes: tuple[SegmentationClass, ...]) -> Rgb:
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes)] = [c.color for c in classes]
    palette.setflags(write=False)
    return palette
