# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bound the rate of masks."""

from __future__ import annotations

from mm_robust_seg.config import Config


class RateLimit:
    """Admit at most ``output.max_rate_hz`` on average; 0 admits everything.

    An event may come up to half a period early, so that a source of the same rate passes through
    whole in spite of its jitter (the generic cell rate algorithm, ITU-T I.371).

    Attributes:
        refused: how many events were not admitted so far.
    """

    def __init__(self, config: Config) -> None:
        self.refused = 0
        self._max_rate_hz = config.output.max_rate_hz
        self._due_ns: int | None = None

    def reset(self, now_ns: int) -> None:
        """Admit the next event, as after a jump of the clock."""
        self._due_ns = None

    def reconfigure(self, config: Config) -> None:
        """Follow another rate from now on."""
        if config.output.max_rate_hz != self._max_rate_hz:
            self._max_rate_hz = config.output.max_rate_hz
            self._due_ns = None

    def admits(self, now_ns: int) -> bool:
        """Tell whether an event at ``now_ns`` may pass; if so, it counts."""
        if not self._max_rate_hz:
            return True
        period_ns = round(1e9 / self._max_rate_hz)
        due_ns = now_ns if self._due_ns is None else self._due_ns
        if now_ns < due_ns - period_ns // 2:
            self.refused += 1
            return False
        self._due_ns = max(due_ns, now_ns) + period_ns
        return True
