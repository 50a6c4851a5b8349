# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Move a network input along a flow."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modalities.kind import Float

Bools = NDArray[np.bool_]


def warp(image: Float, vectors: Float, fill: float | None = None) -> tuple[Float, Bools]:
    """Move a network input to where its content is now.

    Pixels are moved whole (nearest neighbour): nothing mixes across the edges of things, and an
    invalid pixel stays one.

    Args:
        image: (C, h, w) float32.
        vectors: (., ., 2) float32, as in ``Flow``; any size.
        fill: the value of an invalid pixel, for what was out of sight; None repeats the border.

    Returns:
        The moved image, and where it was in sight, (h, w).
    """
    height, width = image.shape[1:]
    ways_px = cv2.resize(vectors * np.array((width, height), np.float32), (width, height))
    origins = cv2.add(ways_px, pixel_grid(width, height))
    nearest: tuple[Any, Any] = cv2.convertMaps(origins, None, cv2.CV_16SC2, nninterpolation=True)  # type: ignore[call-overload]
    border = cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT
    value = fill or 0.0
    moved = [
        cv2.remap(plane, *nearest, cv2.INTER_NEAREST, borderMode=border, borderValue=value)
        for plane in image
    ]
    inside = cv2.inRange(nearest[0], (0, 0), (width - 1, height - 1))
    return np.stack(moved), inside.astype(bool)


@lru_cache(maxsize=8)
def pixel_grid(width_px: int, height_px: int) -> Float:
    """Return the place of every pixel, (height, width, 2), x first."""
    columns, rows = np.meshgrid(np.arange(width_px), np.arange(height_px))
    grid = np.stack((columns, rows), axis=-1).astype(np.float32)
    grid.setflags(write=False)
    return grid
