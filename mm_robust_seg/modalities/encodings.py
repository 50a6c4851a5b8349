# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How the pixels of each encoding of sensor_msgs lie, and what makes colours of them.

The one table for the node, replay and every tool. Colours of YUV are those of ITU-R BT.601 in its
narrow range, which video cameras send and OpenCV and cv_bridge assume.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modalities.kind import Pixels

AS_IT_IS = -1


class Encoding(NamedTuple):
    """One encoding.

    Attributes:
        pixel_type: NumPy type of a value, without byte order.
        channels: values to a pixel.
        to_rgb: OpenCV's conversion of its 8 bit to R, G, B; None for what is no colour.
        rows: stored rows to two rows of the image; 3 where colours follow below.
        divisor: what (height, width) must be divisible by.
        least_px: smallest height and width.
        is_mixed: whether a value needs its neighbours to be a colour, or is none by itself.
    """

    pixel_type: str
    channels: int
    to_rgb: int | None = None
    rows: int = 2
    divisor: tuple[int, int] = (1, 1)
    least_px: int = 1
    is_mixed: bool = False


def _colour(channels: int, to_rgb: int) -> Encoding:
    return Encoding('u1', channels, to_rgb)


def _yuv422(to_rgb: int) -> Encoding:
    return Encoding('u1', 2, to_rgb, divisor=(1, 2), is_mixed=True)


def _yuv420(to_rgb: int) -> Encoding:
    return Encoding('u1', 1, to_rgb, rows=3, divisor=(2, 2), is_mixed=True)


def _mosaic(to_rgb: int) -> Encoding:
    return Encoding('u1', 1, to_rgb, least_px=3, is_mixed=True)


_EIGHT_BIT: Mapping[str, Encoding] = {
    'rgb8': _colour(3, AS_IT_IS),
    'bgr8': _colour(3, cv2.COLOR_BGR2RGB),
    'rgba8': _colour(4, cv2.COLOR_RGBA2RGB),
    'bgra8': _colour(4, cv2.COLOR_BGRA2RGB),
    'mono8': _colour(1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a mosaic by its second row, beginning in the second column.
    'bayer_rggb8': _mosaic(cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': _mosaic(cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': _mosaic(cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': _mosaic(cv2.COLOR_BayerGB2RGB),
}

_SIXTEEN_BIT: Mapping[str, Encoding] = {
    f'{name[:-1]}16': encoding._replace(pixel_type='u2') for name, encoding in _EIGHT_BIT.items()
}

YUV: Mapping[str, Encoding] = {
    'uyvy': _yuv422(cv2.COLOR_YUV2RGB_UYVY),
    'yuv422': _yuv422(cv2.COLOR_YUV2RGB_UYVY),
    'yuyv': _yuv422(cv2.COLOR_YUV2RGB_YUY2),
    'yuv422_yuy2': _yuv422(cv2.COLOR_YUV2RGB_YUY2),
    'nv12': _yuv420(cv2.COLOR_YUV2RGB_NV12),
    'nv21': _yuv420(cv2.COLOR_YUV2RGB_NV21),
}
"""What video cameras send, thermal ones too."""

COLORS: Mapping[str, Encoding] = {
    **_EIGHT_BIT,
    '8UC1': _EIGHT_BIT['mono8'],
    '8UC3': _EIGHT_BIT['bgr8'],
    '8UC4': _EIGHT_BIT['bgra8'],
    **_SIXTEEN_BIT,
    **YUV,
}
"""What a colour camera may send, and grey ones in its place."""

DOUBTFUL_COLORS: Mapping[str, str] = {
    '8UC1': 'taken as mono8',
    '8UC3': 'taken as bgr8, the order of OpenCV',
    '8UC4': 'taken as bgra8, the order of OpenCV',
    **dict.fromkeys(_SIXTEEN_BIT, 'the upper 8 of its 16 bit are used'),
}
"""What is taken for granted of colour encodings that do not say it."""

ENCODINGS: Mapping[str, Encoding] = {
    **COLORS,
    '16UC1': Encoding('u2', 1),
    '32FC1': Encoding('f4', 1),
}
"""Every sensor_msgs encoding that is understood, by its name."""

PIXEL_TYPES: Mapping[str, tuple[str, int]] = {
    name: encoding[:2] for name, encoding in ENCODINGS.items() if not encoding.is_mixed
}
"""NumPy type without byte order, and channels, of each encoding whose values are pixels."""


def as_rgb(encoding: str, pixels: Pixels) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 in R, G, B order; of 16 bit the upper 8 are used.

    Args:
        encoding: one of ``COLORS``.
        pixels: (rows, W, C) in its type, in any byte order.
    """
    if pixels.dtype.itemsize == 2:
        pixels = (pixels >> 8).astype(np.uint8)
    to_rgb = COLORS[encoding].to_rgb
    if to_rgb is None or to_rgb == AS_IT_IS:
        return pixels
    return cv2.cvtColor(pixels, to_rgb).astype(np.uint8, copy=False)
