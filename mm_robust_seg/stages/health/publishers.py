# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Who publishes a sensor's topic."""

from __future__ import annotations

from mm_robust_seg.foreign_text import listed
from mm_robust_seg.transport import PublisherCount

_GHOST_NS = 25_000_000_000
"""A publisher that was killed is counted for 20 s, which is the lease of Fast DDS."""


class Publishers:
    """The nodes that publish a sensor's topic.

    Attributes:
        rivals: that several do, in a sentence; empty if one does, or nobody tells.
    """

    def __init__(self) -> None:
        self.rivals = ''
        self._since_ns = 0

    def update(self, note: PublisherCount, now_ns: int) -> None:
        """Take in who publishes now."""
        if len(note.nodes) < 2:
            self.rivals = ''
            return
        if not self.rivals:
            self._since_ns = now_ns
        count, names = len(note.nodes), listed(note.nodes)
        self.rivals = f'{count} nodes publish {note.topic}: {names}; remap one'

    def have_lasted(self, now_ns: int) -> bool:
        """Tell whether none of them can be one that has ended without a word."""
        return now_ns - self._since_ns >= _GHOST_NS
