"""Bound the rate of masks."""

from __future__ import annotations


class RateLimit:
    """Admit at most ``max_rate_hz`` on average; 0 admits everything.

    An event may come up to half a period early, so that a source of the same rate passes through
    whole in spite of its jitter (the generic cell rate algorithm, ITU-T I.371).
    """

    def __init__(self, max_rate_hz: float) -> None:
        self._period_ns = round(1e9 / max_rate_hz) if max_rate_hz else 0
        self._due_ns: int | None = None

    def admits(self, now_ns: int) -> bool:
        """Tell whether an event at ``now_ns`` may pass; if so, it counts."""
        if not self._period_ns:
            return True
        due_ns = now_ns if self._due_ns is None else self._due_ns
        if now_ns < due_ns - self._period_ns // 2:
            return False
        self._due_ns = max(due_ns, now_ns) + self._period_ns
        return True
