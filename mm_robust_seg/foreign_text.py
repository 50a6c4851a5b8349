# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Texts that others wrote: made short and printable where they enter."""

from __future__ import annotations

from collections.abc import Sequence

NAME_LENGTH = 255
"""Of the longest topic, and so of the longest sensible name of a frame or node."""
SENTENCE_LENGTH = 1000
_MANY = 5


def shortened(text: str, length: int) -> str:
    r"""Return ``text`` in at most ``length`` printable characters; a good text stays as it is.

    What a terminal would act on, such as an escape or a line's end, is written out (``\x1b``);
    what is left out is marked by three dots.

    Args:
        length: 3 at the least.
    """
    head = text[: length + 1]
    if not head.isprintable():
        head = ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in head)
    return head if len(head) <= length else head[: length - 3] + '...'


def one_line(text: object) -> str:
    """Return what a library says, such as an exception, in one line of bearable length."""
    return shortened(' '.join(str(text).split()), SENTENCE_LENGTH)


def listed(names: Sequence[str], most: int = _MANY) -> str:
    """Name the first of many, and count the rest."""
    named, rest = ', '.join(names[:most]), len(names) - most
    return f'{named} and {rest} more' if rest > 0 else named
