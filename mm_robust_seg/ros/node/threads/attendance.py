# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether our own threads run: what nobody could read is no silence of a sensor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import threading

from mm_robust_seg.ros.node.threads.engine_thread import TICK_S

_LATE_S = 2 * TICK_S
"""A look, or an answer, that is later is late, and not only that of a machine in use."""
_QUIET_S = 4 * TICK_S
"""After so long without a message, it is asked whether messages are read at all."""
_WINDOW_S = 5.0


class Attendance:
    """Tells for how long messages may have waited unread.

    The watchdog's thread is late by its own looks. The thread that reads messages is known to run
    when it reads one; if none comes, it is called, and must answer.

    Args:
        call: has a function called by the thread that reads messages, as soon as that can.
    """

    def __init__(self, call: Callable[[Callable[[], None]], None]) -> None:
        self._call, self._lock = call, threading.Lock()
        self._looked_s: float | None = None
        self._read_s = self._called_s = 0.0
        self._is_called = False
        self._held: deque[tuple[float, float]] = deque()

    def reads(self, now_s: float) -> None:
        """Note that a message is read."""
        with self._lock:
            self._read_s = now_s

    def look(self, now_s: float, is_watched: bool) -> float:
        """Return how many seconds until now nobody may have read what came.

        Args:
            now_s: time that never goes back.
            is_watched: whether the last look was one of those that follow each other every
                ``TICK_S``, and a sensor may be blamed.
        """
        passed_s = 0.0 if self._looked_s is None else now_s - self._looked_s
        held_s = passed_s if is_watched and passed_s > TICK_S + _LATE_S else 0.0
        with self._lock:
            if self._is_called and now_s - self._called_s > _LATE_S:
                held_s = max(held_s, now_s - self._called_s)
            needs_call = is_watched and not self._is_called and now_s - self._read_s > _QUIET_S
            if needs_call:
                self._is_called, self._called_s = True, now_s
        if needs_call:
            self._call(self._answer)
        self._looked_s = now_s
        self._held.append((now_s, min(held_s, passed_s)))
        while self._held[0][0] <= now_s - _WINDOW_S:
            self._held.popleft()
        return held_s

    def _answer(self) -> None:
        with self._lock:
            self._is_called, self._read_s = False, self._called_s

    @property
    def held_share(self) -> float:
        """The share of the last five seconds in which nobody may have read what came."""
        return sum(held_s for _, held_s in self._held) / _WINDOW_S
