"""Unpack one PNG or JPEG file.

The size is read from the file's header before anything is unpacked, and compared with what so many
bytes can hold, so a decompression bomb costs a few bytes.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modalities.kind import Pixels
from mm_robust_seg.stages.sensors.image_files import read_header
from mm_robust_seg.stages.sensors.malformed import MalformedError

MAX_PIXELS = 1 << 25
"""Largest image that is unpacked; a frame of 8K video still fits."""

_JPEG_END = b'\xff\xd9'
_MISSING_LEVEL, _CORNER_PX = 128, 4


def check_size(height: int, width: int) -> None:
    """Raise MalformedError if no image is of this size."""
    if not 0 < height * width <= MAX_PIXELS:
        raise MalformedError(
            Reason.FORMAT,
            f'compressed image is {width} x {height} px; expected 1 to {MAX_PIXELS} pixels',
        )


def unpack_file(packed: bytes, flags: int) -> Pixels:
    """Return the pixels, (H, W) or (H, W, C) as OpenCV orders them, of a PNG or JPEG.

    A JPEG may lack its end marker, as those of some video cameras do, or be followed by anything.

    Raises:
        MalformedError: FORMAT if it is too large; TRUNCATED if it is cut short or damaged.
    """
    header = read_header(packed)
    if header is None or header.size is None or (header.end is None and not header.is_guessable):
        raise _cut_short(packed)
    height, width = header.size
    check_size(height, width)
    if height * width > header.most_pixels:
        raise MalformedError(
            Reason.TRUNCATED,
            f'compressed image claims {width} x {height} px, more than {len(packed)} bytes can '
            'hold; expected its data',
        )
    whole = packed[: header.end] if header.end else _ended(packed)
    try:
        pixels = cv2.imdecode(np.frombuffer(whole, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape[:2] != (height, width):
        raise MalformedError(
            Reason.TRUNCATED,
            f'compressed image of {len(packed)} bytes is damaged; expected {width} x {height} px',
        )
    if header.end is None and (pixels[-_CORNER_PX:, -_CORNER_PX:] == _MISSING_LEVEL).all():
        raise _cut_short(packed)
    return pixels


def _ended(packed: bytes) -> bytes:
    """Put the end marker of a JPEG in the place of padding; 0xFF is stored with a zero."""
    data = packed.rstrip(b'\x00')
    return data + (b'\x00' if data.endswith(b'\xff') else b'') + _JPEG_END


def _cut_short(packed: bytes) -> MalformedError:
    return MalformedError(
        Reason.TRUNCATED, f'compressed image stops after {len(packed)} bytes; expected its end'
    )
