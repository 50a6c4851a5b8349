# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What long work tells whoever waits for it: bars and lines, whoever shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar('T')


class Bar(Protocol):
    """One piece of work, and how much of it is done."""

    def advance(self) -> None:
        """Count one more part as done."""

    def reach(self, done: float, text: str = '') -> None:
        """Set how much is done, and what is being done now."""


class Progress(Protocol):
    """Shows several bars, and lines that stay."""

    def bar(self, name: str, total: float, done: float = 0) -> Bar:
        """Begin a piece of work of ``total`` parts."""

    def say(self, line: str) -> None:
        """Tell something once."""


class Silent:
    """Shows nothing: for whoever calls a library, and for processes that do not lead."""

    def bar(self, name: str, total: float, done: float = 0) -> Silent:
        """Begin a piece of work."""
        return self

    def say(self, line: str) -> None:
        """Keep quiet."""

    def advance(self) -> None:
        """Keep quiet."""

    def reach(self, done: float, text: str = '') -> None:
        """Keep quiet."""


SILENT = Silent()


def watched(items: Iterable[T], progress: Progress, name: str, total: float) -> Iterator[T]:
    """Yield ``items``; each is done when the next one is asked for."""
    bar = progress.bar(name, total)
    for item in items:
        yield item
        bar.advance()
