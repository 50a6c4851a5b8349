# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a process uses, from /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_S = os.sysconf('SC_CLK_TCK')
_PAGE_MIB = os.sysconf('SC_PAGE_SIZE') / 2**20


class Use(NamedTuple):
    """Resident memory, CPU seconds of all threads so far, threads, open file descriptors."""

    rss_mib: float
    cpu_s: float
    threads: int
    files: int


def use(pid: int) -> Use:
    """Return what a process uses now."""
    folder = Path(f'/proc/{pid}')
    fields = (folder / 'stat').read_text(encoding='utf-8').rpartition(')')[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    files = len(os.listdir(folder / 'fd'))  # noqa: PTH208  a count needs no paths
    return Use(int(fields[21]) * _PAGE_MIB, cpu_s, int(fields[17]), files)
