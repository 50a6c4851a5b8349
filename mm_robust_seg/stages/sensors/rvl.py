# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Run-length codes of depth images (A. D. Wilson, Fast Lossless Depth Image Compression, 2017).

A value is a row of nibbles, its lowest three bits first; the top bit of a nibble says that more
follow. Eight nibbles make a little-endian word, the first one on top. The values are, again and
again: how many zeros, how many others, and the difference of each of these to the one before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_NIBBLES = 10
"""That a value of 30 bits takes; an image has fewer pixels, and they have 16."""


def unpack_rvl(packed: bytes, count: int) -> NDArray[np.uint16] | None:
    """Return ``count`` pixels; None if the data hold another number of them."""
    values = _values(packed)
    heads: list[int] = []
    runs: list[int] = []
    at = filled = 0
    while filled < count:
        if values is None or at + 1 >= len(values):
            return None
        zeros, others = int(values[at]), int(values[at + 1])
        heads.append(at)
        runs += (zeros, others)
        filled, at = filled + zeros + others, at + 2 + others
    if values is None or filled != count or at > len(values):
        return None
    is_code = np.ones(at, bool)
    is_code[heads] = is_code[np.array(heads) + 1] = False
    codes = values[:at][is_code]
    pixels = np.zeros(count, np.uint16)
    has_value = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    pixels[has_value] = np.cumsum((codes >> 1) ^ -(codes & 1)) & 0xFFFF
    return pixels


def _values(packed: bytes) -> NDArray[np.int32] | None:
    """Return all values; None if one is longer than a value can be."""
    words = np.frombuffer(packed, '<u4', len(packed) // 4)
    pairs = words.astype('>u4').view(np.uint8)
    nibbles = np.stack([pairs >> 4, pairs & 15], axis=1).reshape(-1)
    more = nibbles >= 8
    values = (nibbles & 7).astype(np.int32)
    low, goes_on = values.copy(), more.copy()
    for place in range(1, _MOST_NIBBLES):
        if not goes_on[:-place].any():
            break
        values[:-place] += (low[place:] << (3 * place)) * goes_on[:-place]
        goes_on[:-place] &= more[place:]
    else:
        return None
    is_first = np.ones(len(nibbles), bool)
    is_first[1:] = ~more[:-1]
    return values[is_first]
