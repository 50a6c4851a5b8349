# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The pixels of an image message as an array, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.errors import DataError
from mm_robust_seg.modalities.encodings import PIXEL_TYPES

Pixels: TypeAlias = NDArray[Any]
"""(H, W, C) uint8, uint16 or float32."""


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


def pixels_of(image: RawImage) -> Pixels | None:
    """Return a copy of the pixels, (H, W, C); None if the message is malformed.

    Raises:
        DataError: if the encoding has no such pixels, as those of compressed images.
    """
    if image.encoding not in PIXEL_TYPES:
        raise DataError(
            f'the pixels of a {image.modality} image in encoding {image.encoding!r} cannot be '
            f'changed: expected one of {", ".join(PIXEL_TYPES)}; choose a fault that leaves the '
            'pixels alone, such as silent'
        )
    kind, channels = PIXEL_TYPES[image.encoding]
    dtype = np.dtype(('>' if image.is_bigendian else '<') + kind)
    strides = (image.step_bytes, channels * dtype.itemsize, dtype.itemsize)
    data = np.frombuffer(image.data, np.uint8)
    if not 0 < image.width_px * strides[1] <= image.step_bytes:
        return None
    if not 0 < image.height_px * image.step_bytes <= data.size:
        return None
    shape = (image.height_px, image.width_px, channels)
    pixels: Pixels = np.ndarray(shape, dtype, data.data, strides=strides)
    return pixels.astype(dtype.newbyteorder('='))
