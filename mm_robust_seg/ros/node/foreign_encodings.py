"""Bayer and YUV images, which the core does not decode: cv_bridge does, where it is installed.

Everything else is decoded without it: it rescales 16 bit to 8 bit, which would ruin thermal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modalities import KINDS

try:
    from cv_bridge import CvBridge
except ImportError:
    CvBridge = None

_FOREIGN = ('bayer_', 'yuv', 'uyvy', 'yuyv', 'nv21', 'nv24')


def translated(raw: RawImage, message: object) -> RawImage:
    """Return ``raw`` as rgb8 if its encoding is Bayer or YUV and cv_bridge can read it.

    Otherwise ``raw`` is returned as it is, and decoding rejects it by its encoding.
    """
    is_foreign = KINDS[raw.modality].is_color and raw.encoding.startswith(_FOREIGN)
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
