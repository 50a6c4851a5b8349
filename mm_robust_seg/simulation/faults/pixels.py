"""The pixels of an image message as an array, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.errors import DataError

Pixels: TypeAlias = NDArray[Any]
"""(H, W, C) uint8, uint16 or float32."""

_TYPES: Mapping[str, tuple[str, int]] = {
    'rgb8': ('u1', 3),
    'bgr8': ('u1', 3),
    'rgba8': ('u1', 4),
    'bgra8': ('u1', 4),
    'mono8': ('u1', 1),
    '8UC1': ('u1', 1),
    'mono16': ('u2', 1),
    '16UC1': ('u2', 1),
    '32FC1': ('f4', 1),
}


def raw_image(image: RawImage, pixels: Pixels, encoding: str = '') -> RawImage:
    """Return ``image`` with other pixels, (H, W) or (H, W, C); rows are not padded."""
    little = pixels.dtype.newbyteorder('<')
    data = np.ascontiguousarray(pixels, little).reshape(-1).view(np.uint8)
    height_px, width_px = pixels.shape[:2]
    return replace(
        image,
        height_px=height_px,
        width_px=width_px,
        encoding=encoding or image.encoding,
        step_bytes=data.size // height_px,
        data=data,
        is_bigendian=False,
    )


def pixels_of(image: RawImage) -> Pixels:
    """Return a copy of the pixels, (H, W, C).

    Raises:
        DataError: if the image is compressed, malformed, or in an encoding that has none.
    """
    kind, channels = _TYPES.get(image.encoding, ('u1', 0))
    dtype = np.dtype(('>' if image.is_bigendian else '<') + kind)
    shape = (image.height_px, image.width_px, channels)
    strides = (image.step_bytes, channels * dtype.itemsize, dtype.itemsize)
    data = np.frombuffer(image.data, np.uint8)
    fits = image.step_bytes >= image.width_px * strides[1]
    if not channels or not fits or data.size < image.height_px * image.step_bytes:
        raise DataError(
            f'the pixels of a {image.modality} image cannot be changed: found encoding '
            f'{image.encoding!r}, {image.width_px} x {image.height_px} px, step '
            f'{image.step_bytes}, {data.size} bytes; expected a well-formed image in one of '
            f'{", ".join(_TYPES)}; choose a fault that leaves the pixels alone, such as silent'
        )
    pixels: Pixels = np.ndarray(shape, dtype, data.data, strides=strides)
    return pixels.astype(dtype.newbyteorder('='))
