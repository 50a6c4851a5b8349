# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Small grey pictures of what the sensors saw of late, in which motion can be told."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities import KINDS, SensorKind

Gray = NDArray[np.uint8]

WIDTH_PX, HEIGHT_PX = 224, 168
"""Of the pictures; DIS searches at one scale alone where they are less than 182 px wide."""
_SAMPLED = 1.4
"""A colour image is first thinned to about this many times the picture's size."""
_ENDS = (0.02, 0.98)
"""Quantiles of the valid values that are shown black and white."""


class Picture(NamedTuple):
    """A small grey copy of a frame, (168, 224) uint8."""

    stamp_ns: int
    gray: Gray


def picture_of(frame: Frame) -> Picture:
    """Return a small grey copy of a frame."""
    kind = KINDS[frame.modality]
    gray = _thinned(frame.image) if kind.is_color else _structure(frame.image, kind)
    small = cv2.resize(gray, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    return Picture(frame.stamp_ns, cv2.blur(small, (3, 3)).astype(np.uint8, copy=False))


def nearest_pair(
    pictures: tuple[Picture, ...], held_ns: int, moment_ns: int
) -> tuple[Picture, Picture] | None:
    """Return the pictures nearest to both moments, the earlier first; None if they are far.

    They are near if the later one belongs to the moment rather than to the held image, and both
    together miss their moments by no more than the time between them.
    """
    if len(pictures) < 2:
        return None
    later = min(pictures[1:], key=lambda picture: abs(picture.stamp_ns - moment_ns))
    before = [picture for picture in pictures if picture.stamp_ns < later.stamp_ns]
    earlier = min(before, key=lambda picture: abs(picture.stamp_ns - held_ns))
    late_ns, early_ns = abs(later.stamp_ns - moment_ns), abs(earlier.stamp_ns - held_ns)
    is_of_moment = late_ns < abs(later.stamp_ns - held_ns)
    is_near = late_ns + early_ns <= later.stamp_ns - earlier.stamp_ns
    return (earlier, later) if is_of_moment and is_near else None


def _thinned(colors: Any) -> Gray:
    """Return the green of a share of the pixels."""
    height, width = colors.shape[:2]
    rows = max(1, int(height / (_SAMPLED * HEIGHT_PX)))
    columns = max(1, int(width / (_SAMPLED * WIDTH_PX)))
    return np.ascontiguousarray(colors[::rows, ::columns, 1], np.uint8)


def _structure(image: Any, kind: SensorKind) -> Gray:
    """Return measured values in shades of grey, whatever their range; small holes are closed.

    Where the near is shown bright, grey is the inverse of distance, to which no return is far.
    """
    size = min(image.shape[1], WIDTH_PX), min(image.shape[0], HEIGHT_PX)
    values: Any = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    if kind.view is not None and kind.view.brightest < kind.view.darkest:
        values = np.divide(1, values, out=np.zeros_like(values), where=values > 0)
    some = values[::4, ::4]
    some = some[some > 0]
    if not some.size:
        return np.zeros(values.shape, np.uint8)
    ends = [round(share * (some.size - 1)) for share in _ENDS]
    low, high = np.partition(some, ends)[ends].tolist()
    gain = 255 / max(high - low, 1e-6)
    gray = cv2.convertScaleAbs(np.maximum(values, np.float32(low)), alpha=gain, beta=-gain * low)
    closed = cv2.morphologyEx(gray, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return closed.astype(np.uint8, copy=False)
