"""How the monitor itself is called: jumps, pauses, gaps between its calls, its own load."""

from __future__ import annotations

from collections import deque

_JUMP_FORWARD_NS = 1_000_000_000
_JUMP_BACK_NS = 100_000_000
_LOAD_WINDOW_NS = 250_000_000
_OVERLOAD = 0.5
"""Share of the time spent on handling messages from which the next ones may be handled late. The
message in hand is not counted yet, so that 1 is never seen."""
_MOST_DISCOUNTED_S = 1.0


class SelfMonitor:
    """Follow the time that the monitor is told.

    Attributes:
        has_jumped: whether the clock jumped since construction.
        handling_ns: time spent on handling messages since construction.
    """

    def __init__(self, now_ns: int) -> None:
        self.has_jumped = False
        self._called_ns = now_ns
        self._paused_ns: int | None = None
        self.handling_ns = 0
        self._handled_ns: deque[tuple[int, int]] = deque()
        self._load_ns = 0

    def pause(self, now_ns: int) -> None:
        """Note that the clock stands still; the pause ends when it goes on."""
        self._paused_ns = now_ns

    def is_paused(self, now_ns: int) -> bool:
        """Tell whether the clock still stands where ``pause`` found it."""
        return self._paused_ns is not None and now_ns <= self._paused_ns

    def advance(self, now_ns: int) -> tuple[int, bool]:
        """Go on to the present.

        Returns:
            The nanoseconds since the last call, and whether the clock was paused in them.
        """
        gap_ns = now_ns - self._called_ns
        was_paused = self._paused_ns is not None
        if not self.is_paused(now_ns):
            self._paused_ns = None
        if gap_ns < -_JUMP_BACK_NS or gap_ns > _JUMP_FORWARD_NS:
            self.has_jumped = True
        self._called_ns = now_ns if self.has_jumped else max(now_ns, self._called_ns)
        return max(gap_ns, 0), was_paused

    def add_handling(self, arrival_ns: int, now_ns: int) -> None:
        """Note that a message was handled from its arrival until now."""
        busy_ns = max(0, now_ns - arrival_ns)
        self.handling_ns += busy_ns
        self._handled_ns.append((now_ns, busy_ns))
        self._load_ns += busy_ns
        while self._handled_ns[0][0] <= now_ns - _LOAD_WINDOW_NS:
            self._load_ns -= self._handled_ns.popleft()[1]

    def monitored_s(self, silence_s: float, handling_ns: int) -> float:
        """Return a silence less the time we were busy with other sensors, but not for ever.

        Args:
            silence_s: the silence.
            handling_ns: ``handling_ns`` when it began.
        """
        busy_s = (self.handling_ns - handling_ns) * 1e-9
        is_ours = busy_s > _OVERLOAD * silence_s
        return silence_s - min(busy_s, _MOST_DISCOUNTED_S) if is_ours else silence_s

    @property
    def is_overloaded(self) -> bool:
        """Whether messages may come in faster than they are handled: late ones are our fault."""
        return self._load_ns > _OVERLOAD * _LOAD_WINDOW_NS
