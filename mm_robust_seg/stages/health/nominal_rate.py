# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The rate that a camera should have: configured, or learned from its stream.

A learned rate never follows a camera that is dying: within a stream it only rises, and a stream
that begins anew may be slower than the one before by half at the most.
"""

from __future__ import annotations

from collections import deque

from mm_robust_seg.periods import usual_step_ns

UNKNOWN_HZ = 10.0
"""Assumed of a stream that has just begun."""
_STEPS = 15
_LEAST_STEPS = 6
_RISE = 1.15
"""Jitter alone makes a median rate look higher by less than this."""
_LEAST_SHARE = 0.5


class NominalRate:
    """The nominal rate of one sensor.

    Args:
        configured_hz: ``inputs.<m>.expected_rate_hz``; 0 to learn it.
    """

    def __init__(self, configured_hz: float = 0.0) -> None:
        self._configured_hz = configured_hz
        self._learned_hz: float | None = None
        self._floor_hz = 0.0
        self._steps_ns: deque[int] = deque(maxlen=_STEPS)

    def observe(self, step_ns: int) -> None:
        """Take in the time from one stamp to the next, if that is positive."""
        if self._configured_hz or step_ns <= 0:
            return
        self._steps_ns.append(step_ns)
        if len(self._steps_ns) < _LEAST_STEPS:
            return
        rate_hz = 1e9 / usual_step_ns(self._steps_ns)
        if self._learned_hz is None:
            self._learned_hz = max(rate_hz, self._floor_hz)
        elif rate_hz > _RISE * self._learned_hz:
            self._learned_hz = rate_hz

    def begin_stream(self) -> None:
        """Learn anew: the camera was silent, and may come back with other settings."""
        if self._learned_hz is not None:
            self._floor_hz = _LEAST_SHARE * self._learned_hz
        self.forget()

    def forget(self) -> None:
        """Learn anew: what was learned may not be the rate of one camera."""
        self._learned_hz = None
        self._steps_ns.clear()

    @property
    def is_known(self) -> bool:
        """Whether the rate is configured, or learned by now."""
        return bool(self._configured_hz or self._learned_hz)

    @property
    def hz(self) -> float:
        """The rate in frames per second; ``UNKNOWN_HZ``, or the floor, while it is not known."""
        return self._configured_hz or self._learned_hz or max(UNKNOWN_HZ, self._floor_hz)
