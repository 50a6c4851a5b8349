# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Unpack the ``compressedDepth`` transport of image_transport.

Twelve bytes, then a PNG or RVL image of 16 bit: the stored values themselves, or for a 32FC1 image
a quantised inverse distance, whose two numbers are in the header (ROS package
compressed_depth_image_transport).
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modalities.kind import Float, Pixels
from mm_robust_seg.stages.sensors.image_files import PNG_START
from mm_robust_seg.stages.sensors.malformed import check_size, MalformedError
from mm_robust_seg.stages.sensors.packed_files import unpack_file
from mm_robust_seg.stages.sensors.rvl import unpack_rvl

NAME = 'compressedDepth'
_HEADER, _SIZE = struct.Struct('<iff'), struct.Struct('<II')
_FEW_PIXELS = 1 << 22
"""An image of zeros takes no more than some bytes, so a small one may claim to be that large."""
_PIXELS_PER_BYTE = 5


def is_compressed_depth(text: str, packed: bytes) -> bool:
    """Tell by the message's format text or by the PNG behind the header."""
    if packed.startswith(PNG_START):
        return False
    return NAME in text or packed.startswith(PNG_START, _HEADER.size)


def unpack_depth(text: str, packed: bytes, most_pixels: int) -> tuple[str, Pixels]:
    """Return the encoding, 16UC1 or 32FC1, and the pixels, (H, W, 1).

    Raises:
        MalformedError: FORMAT if the content is something else or has more pixels than
            ``most_pixels``; TRUNCATED if it is damaged.
    """
    if len(packed) <= _HEADER.size:
        raise MalformedError(
            Reason.TRUNCATED,
            f'{NAME} message has {len(packed)} bytes; expected a header of {_HEADER.size} and an '
            'image',
        )
    _, scale, offset = _HEADER.unpack_from(packed)
    body = packed[_HEADER.size :]
    if body.startswith(PNG_START):
        stored = unpack_file(body, cv2.IMREAD_UNCHANGED, most_pixels)
    elif 'rvl' in text.lower():
        stored = _rvl(body, most_pixels)
    else:
        raise MalformedError(
            Reason.FORMAT,
            f'{NAME} image begins with {body[:4].hex()}; expected PNG or RVL: set the format of '
            f'the publisher to png or rvl',
        )
    if stored.dtype != np.uint16 or stored.ndim != 2:
        raise MalformedError(
            Reason.FORMAT,
            f'{NAME} image holds {stored.dtype} of shape {stored.shape}; expected one channel of '
            '16 bit',
        )
    if '32FC1' in text:
        return '32FC1', _metres(stored, scale, offset)[..., np.newaxis]
    return '16UC1', stored[..., np.newaxis]


def _metres(stored: Pixels, scale: float, offset: float) -> Float:
    """Turn quantised inverse distances into distances; 0 says that there is none."""
    if not (np.isfinite(scale) and np.isfinite(offset) and scale > 0):
        raise MalformedError(
            Reason.FORMAT,
            f'{NAME} header has the quantisation {scale:g} and {offset:g}; expected a positive '
            'and a finite number',
        )
    steps = stored.astype(np.float32)
    steps -= np.float32(offset)
    with np.errstate(divide='ignore'):
        metres: Float = np.float32(scale) / steps
    metres[stored == 0] = np.nan
    return metres


def _rvl(body: bytes, most_pixels: int) -> Pixels:
    if len(body) < _SIZE.size:
        raise MalformedError(Reason.TRUNCATED, 'RVL image ends before its size; expected its data')
    width, height = _SIZE.unpack_from(body)
    check_size(height, width, most_pixels)
    pixels = None
    if height * width <= max(_FEW_PIXELS, len(body) * _PIXELS_PER_BYTE):
        pixels = unpack_rvl(body[_SIZE.size :], height * width)
    if pixels is None:
        raise MalformedError(
            Reason.TRUNCATED,
            f'RVL image of {len(body)} bytes is damaged; expected {width} x {height} px',
        )
    return pixels.reshape(height, width)
