# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Colour encodings that the core's table lacks: cv_bridge converts them, where it is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.stages.sensors.compressed import PREFIX

try:
    from cv_bridge import CvBridge
except ImportError:
    CvBridge = None


def translated(raw: RawImage, message: object) -> RawImage:
    """Return ``raw`` as rgb8 if the core does not know its encoding and cv_bridge can read it.

    Otherwise ``raw`` is returned as it is, and decoding rejects it by its encoding.
    """
    kind = KINDS[raw.modality]
    is_known = raw.encoding in kind.encodings or raw.encoding.startswith(PREFIX)
    is_foreign = kind.is_color and not is_known
    if CvBridge is None or not is_foreign:
        return raw
    try:
        pixels = np.ascontiguousarray(CvBridge().imgmsg_to_cv2(message, 'rgb8'))
    except Exception:  # whatever a malformed message makes cv_bridge or OpenCV raise
        return raw
    height_px, width_px, channels = pixels.shape
    return replace(
        raw,
        height_px=height_px,
        width_px=width_px,
        encoding='rgb8',
        step_bytes=width_px * channels,
        data=pixels.reshape(-1),
        is_bigendian=False,
    )
