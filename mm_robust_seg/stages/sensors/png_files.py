# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""PNG files, taken apart and put together anew (PNG specification, third edition; RFC 1950).

libpng reports what is wrong on stderr, once per image. So the chunks are checked and the pixels
inflated here, no more of them than the header promises; libpng is given them as they are, in a
file that holds nothing else and in which nothing is wrong. That takes as long as having it inflate
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import struct
import zlib

import numpy as np

START = b'\x89PNG\r\n\x1a\n'
_LENGTH_AND_KIND, _HEADER = struct.Struct('>I4s'), struct.Struct('>IIBBBBB')
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample, by colour type."""
_PALETTE = 3
_MOST_CHUNKS = 1 << 16
_BITS_PER_BYTE = 8 * 1032
"""Bits that a byte of a PNG unpacks to at most; deflate reaches 1032:1 (zlib technical notes)."""
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column and row of an interlaced pass, and the steps from one to the next."""
_FILTERS = 5


@dataclass(frozen=True)
class Png:
    """The header of a PNG.

    Attributes:
        height_px, width_px: 0 if the file ends before they are told.
        is_valid: whether the rest of it is as the specification has it.
    """

    height_px: int = 0
    width_px: int = 0
    bit_depth: int = 0
    color_type: int = 0
    is_interlaced: bool = False
    is_valid: bool = False

    @classmethod
    def of(cls, packed: bytes) -> Png:
        """Read the IHDR chunk, which comes first."""
        at = len(START) + _LENGTH_AND_KIND.size
        if len(packed) < at + _HEADER.size:
            return cls()
        width, height, bits, color, compression, filters, interlace = _HEADER.unpack_from(
            packed, at
        )
        is_known = bits in _DEPTHS.get(color, ()) and not compression and not filters
        return cls(height, width, bits, color, interlace == 1, is_known and interlace < 2)

    @property
    def kind(self) -> str:
        """PNG."""
        return 'PNG'

    @property
    def channels(self) -> int:
        """Stored colours, and transparency; an index into a palette stands for colours."""
        return 3 if self.color_type == _PALETTE else _CHANNELS.get(self.color_type, 0)

    def most_pixels(self, size_bytes: int) -> int:
        """Return how many pixels a file of so many bytes may hold."""
        return size_bytes * _BITS_PER_BYTE // max(self.bit_depth, 1)

    def plain(self, packed: bytes) -> bytes | None:
        """Return a file of the same pixels, unpacked; None if they are not whole."""
        chunks = list(_chunks(packed))
        if not self.is_valid or not chunks or chunks[-1][0] != b'IEND':
            return None
        pixels = self._inflated(b''.join(body for kind, body in chunks if kind == b'IDAT'))
        palette = next((body for kind, body in chunks if kind == b'PLTE'), b'')
        if pixels is None or not self._has_known_filters(pixels):
            return None
        colors = []
        if self.color_type == _PALETTE:
            whole = 3 << self.bit_depth  # an index beyond the palette is black
            colors = [(b'PLTE', palette[:whole].ljust(whole, b'\0'))]
        stored = (b'IDAT', zlib.compress(pixels, 0))
        return START + b''.join(map(_packed, [chunks[0], *colors, stored, (b'IEND', b'')]))

    def _inflated(self, data: bytes) -> bytes | None:
        """Return the rows with their filters; None if there are fewer, or they are damaged."""
        count = sum(rows * row_bytes for rows, row_bytes in self._layout())
        inflate = zlib.decompressobj()
        try:
            rows = inflate.decompress(data, count)
            is_ended = inflate.decompress(inflate.unconsumed_tail, 1) or inflate.eof
        except zlib.error:
            return None
        return rows if len(rows) == count and is_ended else None

    def _has_known_filters(self, pixels: bytes) -> bool:
        at, levels = 0, np.frombuffer(pixels, np.uint8)
        for rows, row_bytes in self._layout():
            if (levels[at : at + rows * row_bytes : row_bytes] >= _FILTERS).any():
                return False
            at += rows * row_bytes
        return True

    def _layout(self) -> Iterator[tuple[int, int]]:
        """Yield the rows of each pass, and the bytes of one, with that of its filter."""
        bits = self.bit_depth * _CHANNELS[self.color_type]
        passes = _PASSES if self.is_interlaced else ((0, 0, 1, 1),)
        for left, top, across, down in passes:
            width = max(0, -(-(self.width_px - left) // across))
            height = max(0, -(-(self.height_px - top) // down))
            if width and height:
                yield height, 1 + (width * bits + 7) // 8


def _chunks(packed: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of those that make the pixels, up to the end or the first damage."""
    at = len(START)
    for _ in range(_MOST_CHUNKS):
        if at + _LENGTH_AND_KIND.size > len(packed):
            return
        length, kind = _LENGTH_AND_KIND.unpack_from(packed, at)
        end = at + _LENGTH_AND_KIND.size + length
        if end + 4 > len(packed):
            return
        if kind in (b'IHDR', b'PLTE', b'IDAT', b'IEND'):
            body = packed[at + _LENGTH_AND_KIND.size : end]
            if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(packed[end : end + 4], 'big'):
                return
            yield kind, body
            if kind == b'IEND':
                return
        at = end + 4


def _packed(chunk: tuple[bytes, bytes]) -> bytes:
    kind, body = chunk
    check = zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, 'big')
    return b''.join((_LENGTH_AND_KIND.pack(len(body), kind), body, check))
