# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""JPEG files, walked through to their end (ITU-T T.81, B.1 and B.2).

What libjpeg lacks it makes up, in grey, and says so on stderr. But it waits in silence for data
that may still come, so an image of one scan is handed on without its end marker: if libjpeg then
comes to the last line, nothing was missing. Of other files every part of the spectrum must be
there.
"""

from __future__ import annotations

from dataclasses import dataclass
import re
import struct

START = b'\xff\xd8\xff'
_END = b'\xff\xd9'
_FRAME = struct.Struct('>BHHB')
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN = 0xDA
_MARKER = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]')
"""A marker between entropy-coded data; a restart does not end it (B.1.1.3)."""
_FILL = re.compile(rb'\xff+')
_MOST_SEGMENTS = 1000
_COEFFICIENTS = 64
_PIXELS_PER_BYTE = 8 * 64
"""Pixels that one byte of a JPEG unpacks to at most: a block of 8 x 8 takes a bit or more."""
_WHOLE_SPECTRUM = bytes((0, _COEFFICIENTS - 1, 0))
"""Some cameras write something else, which libjpeg passes over with a warning."""
_AHEAD = bytes(8)
"""libjpeg reads so far ahead of what it needs."""


@dataclass
class Jpeg:
    """What the segments of a JPEG say.

    Attributes:
        height_px, width_px: 0 if the file ends before they are told.
        channels: that are stored.
        data_end: where the marker after the last scan lies, or the data end; 0 without a scan.
        is_ended: whether that is the end marker.
        spectrum_at: where the scan says which part of the spectrum it holds, if that is all of
            all channels, so that libjpeg makes lines as the data come; 0 otherwise.
    """

    height_px: int = 0
    width_px: int = 0
    channels: int = 0
    data_end: int = 0
    is_ended: bool = False
    spectrum_at: int = 0

    @property
    def kind(self) -> str:
        """JPEG."""
        return 'JPEG'

    @classmethod
    def of(cls, packed: bytes) -> Jpeg:
        """Walk to the end marker; that of a thumbnail is inside of a segment."""
        found, at, scans, is_progressive = cls(), 2, 0, False
        missing: dict[int, set[int]] = {}
        for _ in range(_MOST_SEGMENTS):
            if fill := _FILL.match(packed, at):
                at = fill.end() - 1
            marker, length = packed[at + 1 : at + 2], packed[at + 2 : at + 4]
            if not fill or marker == _END[1:] or len(length) < 2:
                break
            body_at, at = at + 4, at + 2 + int.from_bytes(length, 'big')
            body = packed[body_at:at]
            if marker[0] in _FRAMES and len(body) >= _FRAME.size:
                _, found.height_px, found.width_px, found.channels = _FRAME.unpack_from(body)
                is_progressive = marker[0] in _PROGRESSIVE
                missing = {i: set(range(_COEFFICIENTS)) for i in body[6 : 6 + 3 * body[5] : 3]}
            if marker[0] == _SCAN and body:
                scans += 1
                _strike_off(body, missing, is_progressive)
                is_plain = scans == 1 and body[0] == found.channels and not is_progressive
                found.spectrum_at = body_at + 1 + 2 * body[0] if is_plain else 0
                end = _MARKER.search(packed, at)
                found.data_end = at = end.start() if end else len(packed)
        found.is_ended = found.data_end == at and packed[at : at + 2] == _END
        if any(missing.values()):
            found.data_end = 0
        return found

    def most_pixels(self, size_bytes: int) -> int:
        """Return how many pixels a file of so many bytes may hold."""
        return size_bytes * _PIXELS_PER_BYTE

    def plain(self, packed: bytes) -> bytes | None:
        """Return a file that libjpeg reads whole or not at all; None if it cannot be whole.

        A file of one scan may lack its end marker, as those of some video cameras do, or be
        followed by anything.
        """
        if not self.data_end or not (self.spectrum_at or self.is_ended):
            return None
        data = packed[: self.data_end]
        if not self.spectrum_at:
            return data + _END
        if not self.is_ended:
            data = data.rstrip(b'\x00')
        at = self.spectrum_at
        return b''.join((data[:at], _WHOLE_SPECTRUM, data[at + len(_WHOLE_SPECTRUM) :], _AHEAD))


def _strike_off(scan: bytes, missing: dict[int, set[int]], is_progressive: bool) -> None:
    """Strike off what a scan brings to its last bit; one that is not progressive brings all."""
    channels, spectrum = scan[1 : 1 + 2 * scan[0] : 2], scan[1 + 2 * scan[0] :][:3]
    if len(spectrum) < len(_WHOLE_SPECTRUM):
        return
    first, last, bits = spectrum if is_progressive else _WHOLE_SPECTRUM
    for channel in channels if bits & 15 == 0 else ():
        missing.get(channel, set()).difference_update(range(first, last + 1))
