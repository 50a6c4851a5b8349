# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The thread that never waits for an inference."""

from __future__ import annotations

from collections.abc import Callable
import threading

from mm_robust_seg.ros.node.threads.engine_thread import TICK_S

IDLE_S = 0.05
"""Between two looks while no sensor is usable; no more than half the shortest usual timeout."""


class Watchdog:
    """A thread that looks every 10 ms, whatever the other threads are busy with.

    Args:
        look: looks once. If it returns true, the next look comes when an image arrives, or after
            ``IDLE_S``.
        arrived: set when an image arrives.
        report: is told what ``look`` raised; the thread goes on.
    """

    def __init__(
        self,
        look: Callable[[], bool],
        arrived: threading.Event,
        report: Callable[[Exception], None],
    ) -> None:
        self._look, self._arrived, self._report = look, arrived, report
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name='watchdog')
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._arrived.set()
        self._thread.join()

    def _run(self) -> None:
        self._closed.wait(TICK_S)
        while not self._closed.is_set():
            is_idle = False
            try:
                is_idle = self._look()
            except Exception as error:
                self._report(error)
            if is_idle:
                self._arrived.wait(IDLE_S)
                self._arrived.clear()
            else:
                self._closed.wait(TICK_S)
