# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Other work on the machine: processes that never rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import subprocess
import sys

_NEVER_RESTS = 'while True: pass'


@contextmanager
def other_work(count: int) -> Iterator[None]:
    """Keep ``count`` cores busy, at normal priority, while the block runs."""
    processes = [subprocess.Popen([sys.executable, '-c', _NEVER_RESTS]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
