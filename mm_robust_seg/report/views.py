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

FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARKEST_VALID = 24


def camera_view(modality: Modality, image: Image) -> Rgb:
    """Return a decoded image in shades of grey, an RGB one as it is; invalid pixels are black.

    The same value always has the same brightness.
    """
    scale = KINDS[modality].view
    if scale is None:
        return image.astype(np.uint8, copy=False)
    gray = _gray(image, scale.darkest, scale.brightest)
    return cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]


def false_color_view(modality: Modality, image: Image) -> tuple[Rgb, str]:
    """Return a decoded image in colours between its own extremes, and what they stand for.

    An RGB image stays as it is; invalid pixels are black. The text is such as
    ``thermal 283 to 301 K``; a hundredth of the valid pixels lies below it, and above.
    """
    scale = KINDS[modality].view
    if scale is None:
        return image.astype(np.uint8, copy=False), str(modality)
    valid = image[image > 0]
    low, high = np.quantile(valid, (0.01, 0.99)) if valid.size else (0.0, 1.0)
    gray = _gray(image, *((low, high) if scale.darkest < scale.brightest else (high, low)))
    colors = cv2.applyColorMap(gray, scale.color_map)
    colors[gray == 0] = 0
    picture = cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)
    return picture, f'{modality} {low:.3g} to {high:.3g} {KINDS[modality].unit_sign}'  # type: ignore[return-value]


def short_name(combination: ModalitySet) -> str:
    """Return a combination such as ``RGB+T+D``."""
    return '+'.join(KINDS[m].short_name for m in combination) or 'none'


def caption(combination: ModalitySet, report: HealthReport) -> str:
    """Say what was used and what is wrong, such as ``RGB+D, thermal: SILENT``."""
    used = short_name(combination) if combination else 'no sensor'
    return ', '.join(filter(None, [used, report.caption()]))


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


def captioned(picture: Rgb, text: str) -> Rgb:
    """Write one line on a dark bar at the top edge, shrunk to the width; return ``picture``."""
    height, width = picture.shape[:2]
    bar = max(height // 16, 15)
    (text_width, ascent), descent = cv2.getTextSize(text, FONT, 1.0, 1)
    scale = min(0.8 * bar / (ascent + descent), 0.97 * width / max(text_width, 1))
    picture[:bar] //= 4
    origin = (round(0.015 * width), round((bar + scale * (ascent - descent)) / 2))
    cv2.putText(picture, text, origin, FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
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
