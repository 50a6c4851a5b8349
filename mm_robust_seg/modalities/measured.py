"""What kinds whose images are one channel of measured values have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modalities.kind import Float, Pixels


def first_channel(encoding: str, pixels: Pixels) -> Pixels:
    """Return (H, W) of (H, W, C)."""
    first: Pixels = pixels[..., 0]
    return first


def kept(values: Float, low: np.float32, high: np.float32) -> Float:
    """Zero in place what is outside ``low..high`` or not a number."""
    inside = values >= low
    inside &= values <= high
    np.copyto(values, np.float32(0), where=~inside)
    return values


def share(mask: NDArray[np.bool_]) -> float:
    """Return the share of true pixels."""
    return int(np.count_nonzero(mask)) / mask.size
