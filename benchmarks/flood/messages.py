# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a camera gone wild sends: legal and illegal messages that cost whoever reads them."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
import struct

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

Message = Image | CompressedImage


@dataclass(frozen=True)
class Flood:
    """One kind of message, sent again and again by the RGB camera.

    Attributes:
        name: what it is.
        rate_hz: how often.
        make: returns the message; it is stamped before each time.
    """

    name: str
    rate_hz: float
    make: Callable[[], Message]

    @property
    def transport(self) -> str:
        """How the node is to subscribe."""
        return 'compressed' if self.make in (_large_png, _largest_png, _enlarged_jpeg) else 'raw'


def _large_png() -> Message:
    return _compressed('png', '.png', np.zeros((5792, 5792, 3), np.uint8))


def _largest_png() -> Message:
    """Return the largest image that is decoded, unless ``max_pixels`` says otherwise."""
    return _compressed('png', '.png', np.zeros((4000, 4000, 3), np.uint8))


def _enlarged_jpeg() -> Message:
    """Return a JPEG of 640 x 480 whose header says 3900 x 3900."""
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    message = _compressed('jpeg', '.jpg', noise)
    data = bytearray(message.data)
    at = data.index(b'\xff\xc0')
    data[at + 5 : at + 9] = struct.pack('>HH', 3900, 3900)
    message.data = array('B', data)
    return message


def _long_raw() -> Message:
    return _raw('mono8', 1, 20_000_000, 20_000_000)


def _long_encoding() -> Message:
    return _raw('x' * 2**20, 1, 1, 1)


def _compressed(name: str, suffix: str, image: np.ndarray) -> CompressedImage:
    done, data = cv2.imencode(suffix, image)
    assert done
    return CompressedImage(format=name, data=array('B', data.tobytes()))


def _raw(encoding: str, height_px: int, width_px: int, size_bytes: int) -> Image:
    return Image(
        height=height_px,
        width=width_px,
        encoding=encoding,
        step=width_px,
        data=array('B', bytes(size_bytes)),
    )


FLOODS = {
    flood.name: flood
    for flood in (
        Flood('PNG of 5792 x 5792, refused', 10.0, _large_png),
        Flood('PNG of 4000 x 4000, decoded', 10.0, _largest_png),
        Flood('JPEG with an enlarged header', 30.0, _enlarged_jpeg),
        Flood('raw, 1 x 20 000 000', 2.0, _long_raw),
        Flood('encoding of 1 MB', 30.0, _long_encoding),
    )
}
