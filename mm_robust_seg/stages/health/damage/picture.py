# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A grey picture of a frame, of about the same size for every camera."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities import KINDS

Picture = NDArray[np.float32]

WIDTH_PX = 320
"""At most; what is measured in pixels is for this width."""
LEAST_PX = 96
"""The tiles of smaller images tell too little."""


def picture_of(frame: Frame) -> Picture | None:
    """Return one channel, (h, w) float32 in the frame's units; None if the image is too small.

    Measured values that are invalid are given the median, so that they have no edges.
    """
    height_px, width_px = frame.image.shape[:2]
    if min(height_px, width_px) < LEAST_PX:
        return None
    kind = KINDS[frame.modality]
    channel = frame.image[..., 1] if kind.is_color else frame.image
    step = max(1, width_px // (2 * WIDTH_PX))
    thinned: Any = np.ascontiguousarray(channel[::step, ::step])
    if not kind.is_color and (thinned <= 0).any():
        valid = thinned > 0
        middle = np.median(thinned[valid]) if valid.any() else 0
        thinned = np.where(valid, thinned, np.float32(middle))
    if thinned.shape[1] > WIDTH_PX:
        size = WIDTH_PX, round(thinned.shape[0] * WIDTH_PX / thinned.shape[1])
        thinned = cv2.resize(thinned, size, interpolation=cv2.INTER_AREA)
    picture: Picture = thinned.astype(np.float32, copy=False)
    return picture
