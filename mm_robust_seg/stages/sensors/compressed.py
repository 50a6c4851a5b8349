"""Unpack PNG and JPEG messages.

The content decides, not the free text of ``format``: drivers write ``png``, ``16UC1; png
compressed`` and more. The size is read from the file's header before anything is unpacked, and
compared with what so many bytes can hold, so a decompression bomb costs a few bytes.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

from mm_robust_seg.dataflow import PIXEL_TYPES, RawImage, Reason
from mm_robust_seg.modalities import KINDS, SensorKind
from mm_robust_seg.modalities.kind import Pixels
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.sensors.layout import buffer
from mm_robust_seg.stages.sensors.malformed import MalformedError

PREFIX = 'compressed'
"""Begins ``RawImage.encoding`` of every compressed message."""

MAX_PIXELS = 1 << 25
"""Largest image that is unpacked; a frame of 8K video still fits."""

_PNG_BITS_PER_BYTE = 8 * 1032
"""Bits that a byte of a PNG unpacks to at most; deflate reaches 1032:1 (zlib technical notes)."""

_JPEG_PIXELS_PER_BYTE = 8 * 64
"""Pixels that one byte of a JPEG unpacks to at most: a block of 8 x 8 takes a bit or more."""

_TAIL_BYTES = 16
"""The end marker is this near the end, zero padding left out: thumbnails have one too."""

_PNG_START, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND'
_JPEG_START, _JPEG_END = b'\xff\xd8\xff', b'\xff\xd9'
_JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PREFERRED = ('16UC1', '8UC1')
"""A PNG of one channel says nothing but its type; of the encodings of that type, these first."""


def unpack(raw: RawImage) -> tuple[str, Pixels]:
    """Return the encoding (``bgr8``, or one of the sensor) and the pixels of a message.

    Raises:
        MalformedError: FORMAT if the content is something else, too large, or not what the
            sensor may send; TRUNCATED if its end is missing or it is damaged.
    """
    packed = buffer(raw).tobytes()
    height, width = _size(packed, raw.modality)
    if not 0 < height * width <= MAX_PIXELS:
        raise MalformedError(
            Reason.FORMAT,
            f'compressed image is {width} x {height} px; expected 1 to {MAX_PIXELS} pixels',
        )
    if height * width > _most_pixels(packed):
        raise MalformedError(
            Reason.TRUNCATED,
            f'compressed image claims {width} x {height} px, more than {len(packed)} bytes can '
            'hold; expected its data',
        )
    kind = KINDS[raw.modality]
    colour = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    flags = colour if kind.is_color else cv2.IMREAD_UNCHANGED
    try:
        pixels = cv2.imdecode(np.frombuffer(packed, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape[:2] != (height, width):
        raise MalformedError(
            Reason.TRUNCATED,
            f'compressed image of {len(packed)} bytes is damaged; expected {width} x {height} px',
        )
    encoding = 'bgr8' if kind.is_color else _encoding(kind, pixels)
    if encoding is None or pixels.ndim != kind.layout[1]:
        raise MalformedError(
            Reason.FORMAT,
            f'PNG holds {pixels.dtype} of shape {pixels.shape}; expected one channel as in '
            f'{" or ".join(kind.encodings)}',
        )
    return encoding, pixels.reshape(height, width, -1)


def _encoding(kind: SensorKind, pixels: Pixels) -> str | None:
    """Return the encoding of a sensor that has the type of these pixels, if there is one."""
    names = [name for name in (*_PREFERRED, *kind.encodings) if name in kind.encodings]
    return next((n for n in names if PIXEL_TYPES[n] == (pixels.dtype.str[1:], 1)), None)


def _size(packed: bytes, modality: Modality) -> tuple[int, int]:
    """Read (height, width) from the header of a file whose end is present."""
    if packed.startswith(_PNG_START):
        end, size = _PNG_END, _png_size(packed)
    elif packed.startswith(_JPEG_START):
        if not KINDS[modality].is_color:
            raise MalformedError(
                Reason.FORMAT, f'JPEG alters {modality} values; expected PNG or a raw image'
            )
        end, size = _JPEG_END, _jpeg_size(packed)
    else:
        raise MalformedError(
            Reason.FORMAT,
            f'compressed data begins with {packed[:4].hex() or "nothing"}; expected PNG'
            + (' or JPEG' if KINDS[modality].is_color else ''),
        )
    if size is None or end not in packed.rstrip(b'\x00')[-_TAIL_BYTES:]:
        raise MalformedError(
            Reason.TRUNCATED, f'compressed image stops after {len(packed)} bytes; expected its end'
        )
    return size


def _most_pixels(packed: bytes) -> int:
    """Return how many pixels a file with a readable header can hold at most."""
    if packed.startswith(_PNG_START):
        bit_depth = max(packed[24], 1)
        return len(packed) * _PNG_BITS_PER_BYTE // bit_depth
    return len(packed) * _JPEG_PIXELS_PER_BYTE


def _png_size(packed: bytes) -> tuple[int, int] | None:
    """Read the IHDR chunk, which the PNG specification puts first."""
    if len(packed) < 25:
        return None
    width, height = struct.unpack_from('>II', packed, 16)
    return height, width


def _jpeg_size(packed: bytes) -> tuple[int, int] | None:
    """Walk the segments to the frame header (ITU-T T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(packed) and packed[at] == 0xFF:
        marker, length = packed[at + 1], int.from_bytes(packed[at + 2 : at + 4], 'big')
        if marker in _JPEG_FRAME_MARKERS:
            height, width = struct.unpack_from('>HH', packed, at + 5)
            return height, width
        at += 1 if marker == 0xFF else 2 + length
    return None
