# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Few heaps for many threads, and none for large images, so that memory comes back."""

from __future__ import annotations

from contextlib import suppress
import ctypes
import os

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of mallopt(3), glibc."""

_HEAPS = 2
_LARGE_BYTES = 8 << 20


def share_heaps() -> None:
    """Let all threads share two heaps of the C library; call it before threads are started.

    glibc gives each thread a heap of its own, up to eight a core. Images that one thread takes in
    and another frees leave holes in all of them. It also comes to keep what is as large as the
    largest image so far, up to 32 MiB, in a heap; here nothing of more than 8 MiB is, so the
    memory of a flood of large images is given back. Whoever has set the variable of a setting,
    such as ``MALLOC_ARENA_MAX``, is obeyed; another C library than glibc is left alone.
    """
    settings = {
        'MALLOC_ARENA_MAX': (_M_ARENA_MAX, _HEAPS),
        'MALLOC_MMAP_THRESHOLD_': (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        'MALLOC_TRIM_THRESHOLD_': (_M_TRIM_THRESHOLD, 2 * _LARGE_BYTES),
    }
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for name, (setting, value) in settings.items():
            if name not in os.environ:
                libc.mallopt(setting, value)
