# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A fixed timetable of captures: it never drifts, and never hides that it is behind."""

from __future__ import annotations

_LATE_SHARE = 0.5


class Timetable:
    """Frame k is due at ``start_ns + k * period_ns``, whatever happened to the frames before.

    Attributes:
        late: frames taken more than half a period after they were due.
        skipped: frames not taken at all, because the next one was due already.
    """

    def __init__(self, start_ns: int, rate_hz: float) -> None:
        self.start_ns = start_ns
        self.period_ns = round(1e9 / rate_hz)
        self.late = 0
        self.skipped = 0
        self._next = 0

    @property
    def next_ns(self) -> int:
        """When the next frame is due."""
        return self.due_ns(self._next)

    def due_ns(self, index: int) -> int:
        """Return when a frame is due."""
        return self.start_ns + index * self.period_ns

    def take(self, now_ns: int) -> int | None:
        """Return the index of the frame to send now; None if none is due."""
        if now_ns < self.next_ns:
            return None
        newest = (now_ns - self.start_ns) // self.period_ns
        self.skipped += newest - self._next
        self.late += now_ns - self.due_ns(newest) > _LATE_SHARE * self.period_ns
        self._next = newest + 1
        return newest
