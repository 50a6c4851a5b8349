# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What kinds whose images are one channel of measured values have in common."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modalities.encodings import as_rgb, ENCODINGS
from mm_robust_seg.modalities.kind import Float, Pixels, StoredValues, UnfitPixelsError

_SAMPLE_PX, _FEW_PX = 20_000, 2_000
_LEVELS = 8
"""By how much equal channels may differ: JPEG makes them differ by one or two levels."""
_MARKED_SHARE = 0.05
"""Share of the image that coloured marks, such as a cross in the middle, may cover."""


def sampled(image: Pixels, most_px: int = _SAMPLE_PX) -> Pixels:
    """Return a strided view of at most so many pixels."""
    height, width = image.shape[:2]
    stride = max(1, math.ceil(math.sqrt(height * width / most_px)))
    view: Pixels = image[::stride, ::stride]
    return view


def stored_values(stored: Pixels) -> StoredValues:
    """Sum up what a message or file holds, from a sample of it."""
    some = np.asarray(sampled(stored, _FEW_PX), np.float64)
    told = some[np.isfinite(some) & (some != 0)]
    bits = 8 * stored.dtype.itemsize if stored.dtype.kind == 'u' else 0
    median = float(np.median(told)) if told.size else 0.0
    return StoredValues(median, told.size / some.size, bits)


def first_channel(encoding: str, pixels: Pixels) -> Pixels:
    """Return (H, W) of (H, W, C)."""
    first: Pixels = pixels[..., 0]
    return first


def grey(encoding: str, pixels: Pixels) -> Pixels:
    """Return (H, W) of (H, W, C) whose channels, or colours, are the same image.

    Raises:
        UnfitPixelsError: if they are not, as in false colours.
    """
    if ENCODINGS[encoding].is_mixed:
        pixels = as_rgb(encoding, pixels)
    if pixels.shape[2] > 1:
        different = share(np.ptp(sampled(pixels).astype(np.int32), axis=2) > _LEVELS)
        if different > _MARKED_SHARE:
            raise UnfitPixelsError(
                f'the channels of the {encoding} image differ in {different:.0%} of the pixels, '
                'as in false colours; expected equal ones: let the camera send grey or raw values'
            )
    return first_channel(encoding, pixels)


def kept(values: Float, low: np.float32, high: np.float32) -> Float:
    """Zero in place what is outside ``low..high`` or not a number."""
    inside = values >= low
    inside &= values <= high
    np.copyto(values, np.float32(0), where=~inside)
    return values


def share(mask: NDArray[np.bool_]) -> float:
    """Return the share of true pixels."""
    return int(np.count_nonzero(mask)) / mask.size
