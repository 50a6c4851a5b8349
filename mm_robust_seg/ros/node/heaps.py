"""Few heaps for many threads, so that the memory of the process does not creep."""

from __future__ import annotations

from contextlib import suppress
import ctypes
import os

_M_ARENA_MAX = -8
"""Of mallopt(3), glibc."""

_HEAPS = 2


def share_heaps() -> None:
    """Let all threads share two heaps of the C library; call it before threads are started.

    glibc gives each thread a heap of its own, up to eight a core. Images that one thread takes in
    and another frees leave holes in all of them. Whoever has set ``MALLOC_ARENA_MAX`` is obeyed;
    another C library than glibc is left alone.
    """
    if 'MALLOC_ARENA_MAX' not in os.environ:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)
