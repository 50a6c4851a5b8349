# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

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
_MOST_HELD_NS = 5_000_000_000
_HELD_WINDOW_NS = 1_000_000_000
_LEAST_QUIET_NS, _MOST_QUIET_NS = 100_000_000, 500_000_000
"""For so long it is more likely that we, or the machine, are held up than that all sensors are."""
_STARVED = 0.25
"""Share of the last second in which nobody could read messages, from which the others are late
through us. Less of it, in short pieces, loses none: they wait."""


class SelfMonitor:
    """Follow the time that the monitor is told.

    Attributes:
        has_jumped: whether the clock jumped since construction.
        handling_ns: time spent on handling messages since construction.
        held_ns: time since construction in which nobody could read messages, or none came.
    """

    def __init__(self, now_ns: int) -> None:
        self.has_jumped = False
        self._called_ns = now_ns
        self._paused_ns: int | None = None
        self.handling_ns = 0
        self._handled_ns: deque[tuple[int, int]] = deque()
        self._load_ns = 0
        self.held_ns = 0
        self._held_until_ns = now_ns
        self._held_ns: deque[tuple[int, int]] = deque()
        self._quiet_ns: int | None = None
        self._quiet_held_ns = 0

    def hold(self, since_ns: int, now_ns: int) -> None:
        """Note that nobody could read messages until now."""
        from_ns = max(since_ns, self._held_ns[-1][0] if self._held_ns else since_ns)
        self._held_ns.append((now_ns, max(0, now_ns - from_ns)))
        self._count_held(since_ns, now_ns)
        while self._held_ns[0][0] <= now_ns - _HELD_WINDOW_NS:
            self._held_ns.popleft()

    def _count_held(self, since_ns: int, now_ns: int) -> int:
        """Count the time until now as far as it has not been counted."""
        held_ns = max(0, now_ns - max(since_ns, self._held_until_ns))
        self._held_until_ns = max(now_ns, self._held_until_ns)
        self.held_ns += held_ns
        return held_ns

    def quiet(self, are_quiet: bool, now_ns: int) -> bool:
        """Note whether all sensors are quiet at once: for a while, that is no silence.

        Returns:
            Whether that has ended just now, after a time in which images will be missing.
        """
        if not are_quiet:
            has_ended = self._quiet_held_ns >= _LEAST_QUIET_NS
            self._quiet_ns, self._quiet_held_ns = None, 0
            return has_ended
        since_ns = now_ns if self._quiet_ns is None else self._quiet_ns
        self._quiet_ns = now_ns
        if self._quiet_held_ns < _MOST_QUIET_NS:
            self._quiet_held_ns += now_ns - since_ns
            self._count_held(since_ns, now_ns)
        return False

    def is_starved(self, now_ns: int) -> bool:
        """Tell whether messages were read too seldom of late to blame a sensor for its timing."""
        start_ns = now_ns - _HELD_WINDOW_NS
        held_ns = sum(held_ns for at_ns, held_ns in self._held_ns if at_ns > start_ns)
        return held_ns > _STARVED * _HELD_WINDOW_NS

    def held_since_ns(self, held_ns: int) -> int:
        """Return for how long messages could not be read since ``held_ns``, but not for ever."""
        return min(self.held_ns - held_ns, _MOST_HELD_NS)

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
