"""Run-length codes of depth images (A. D. Wilson, Fast Lossless Depth Image Compression, 2017).

A value is a row of nibbles, its lowest three bits first; the top bit of a nibble says that more
follow. Eight nibbles make a little-endian word, the first one on top. The values are, again and
again: how many zeros, how many others, and the difference of each of these to the one before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_NIBBLES = 11
"""That a value of 32 bits takes."""


def unpack_rvl(packed: bytes, count: int) -> NDArray[np.uint16] | None:
    """Return ``count`` pixels; None if the data hold another number of them."""
    values = _values(packed)
    runs: list[tuple[int, int, int]] = []
    at = filled = 0
    while filled < count:
        if values is None or at + 1 >= len(values):
            return None
        filled += int(values[at])
        length = int(values[at + 1])
        runs.append((filled, at + 2, length))
        filled, at = filled + length, at + 2 + length
    if values is None or filled != count or at > len(values):
        return None
    to, source, lengths = np.array(runs, np.int64).T
    along = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    codes = values[along + np.repeat(source, lengths)]
    differences = (codes >> 1) ^ -(codes & 1)
    pixels = np.zeros(count, np.uint16)
    pixels[along + np.repeat(to, lengths)] = np.cumsum(differences) & 0xFFFF
    return pixels


def _values(packed: bytes) -> NDArray[np.int64] | None:
    """Return all values; None if one is longer than a value can be."""
    words = np.frombuffer(packed, '<u4', len(packed) // 4)
    pairs = words.astype('>u4').view(np.uint8)
    nibbles = np.stack([pairs >> 4, pairs & 15], axis=1).reshape(-1)
    last = np.flatnonzero(nibbles < 8)
    first = np.concatenate([[0], last[:-1] + 1]) if last.size else last
    lengths = last - first + 1
    longest = int(lengths.max(initial=0))
    if longest > _MOST_NIBBLES:
        return None
    values = np.zeros(len(last), np.int64)
    for place in range(longest):
        longer = np.flatnonzero(lengths > place) if place else slice(None)
        part = (nibbles[first[longer] + place] & 7).astype(np.int64)
        values[longer] |= part << (3 * place)
    return values
