"""What the headers of PNG and JPEG files say, before anything is unpacked."""

from __future__ import annotations

from dataclasses import dataclass
import re
import struct

PNG_START = b'\x89PNG\r\n\x1a\n'
_PNG_END = b'IEND'
_JPEG_START, _JPEG_END = b'\xff\xd8\xff', 0xD9
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_JPEG_SCAN = 0xDA
_JPEG_MARKER = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]')
"""A marker between entropy-coded data; a restart does not end it (ITU-T T.81, B.1.1.3)."""

_TAIL_BYTES = 16
"""The end of a PNG is this near the end of the data, zero padding left out."""

_PNG_BITS_PER_BYTE = 8 * 1032
"""Bits that a byte of a PNG unpacks to at most; deflate reaches 1032:1 (zlib technical notes)."""

_JPEG_PIXELS_PER_BYTE = 8 * 64
"""Pixels that one byte of a JPEG unpacks to at most: a block of 8 x 8 takes a bit or more."""


@dataclass(frozen=True)
class FileHeader:
    """What a file says of itself.

    Attributes:
        size: (height, width) in pixels; None if the file ends before it is told.
        channels: that are stored.
        most_pixels: that so many bytes can hold.
        end: where the image ends in the data; None if its end is missing.
        is_guessable: whether a missing end may be the marker alone: what such a file lacks of its
            image shows as grey in its last corner.
    """

    kind: str
    size: tuple[int, int] | None
    channels: int
    most_pixels: int
    end: int | None
    is_guessable: bool = False


def read_header(packed: bytes) -> FileHeader | None:
    """Read the header of a PNG or JPEG; None for anything else."""
    if packed.startswith(PNG_START):
        return _png(packed)
    return _jpeg(packed) if packed.startswith(_JPEG_START) else None


def _png(packed: bytes) -> FileHeader:
    """Read the IHDR chunk, which the PNG specification puts first."""
    size, bit_depth, channels = None, 1, 0
    if len(packed) >= 26:
        width, height, bit_depth, color_type = struct.unpack_from('>IIBB', packed, 16)
        size, channels = (height, width), {0: 1, 4: 2, 2: 3, 3: 3}.get(color_type, 4)
    is_whole = _PNG_END in packed.rstrip(b'\x00')[-_TAIL_BYTES:]
    most_pixels = len(packed) * _PNG_BITS_PER_BYTE // max(bit_depth, 1)
    return FileHeader('PNG', size, channels, most_pixels, len(packed) if is_whole else None)


def _jpeg(packed: bytes) -> FileHeader:
    """Walk the segments to the end marker (ITU-T T.81, B.2.2); a thumbnail's is inside of one."""
    size, channels, scans, is_progressive, end, at = None, 0, 0, False, None, 2
    while at + 4 <= len(packed) and packed[at] == 0xFF:
        marker, length = packed[at + 1], int.from_bytes(packed[at + 2 : at + 4], 'big')
        if marker == _JPEG_END:
            break
        if marker in _JPEG_FRAMES and at + 10 <= len(packed):
            height, width, channels = struct.unpack_from('>HHB', packed, at + 5)
            size, is_progressive = (height, width), marker in _JPEG_PROGRESSIVE
        at += 1 if marker == 0xFF else 2 + length
        if marker == _JPEG_SCAN:
            scans += 1
            found = _JPEG_MARKER.search(packed, at)
            at = found.start() if found else len(packed)
    if packed[at : at + 2] == bytes((0xFF, _JPEG_END)):
        end = at + 2
    is_guessable = end is None and scans > 0 and not is_progressive
    most_pixels = len(packed) * _JPEG_PIXELS_PER_BYTE
    return FileHeader('JPEG', size, channels, most_pixels, end, is_guessable)
