# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is given up while the machine has too little time for us, and what would help."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
import enum

_STARVED = (0.1, 0.2, 0.4)
"""Shares of the time in which our threads did not run, from which each is shed; half ends it."""
_SKIPPED = 0.2
"""Share of the sets that were skipped while the engine was busy, from which that is told."""
_LEAST_SETS = 10
_WORSE_AFTER_S, _BETTER_AFTER_S = 2.0, 5.0
_WINDOW_S = 5.0
_SELDOM_S = 1.0


class Shed(enum.IntEnum):
    """What is given up, each with what stands before it."""

    NOTHING = 0
    PICTURES = 1
    CONFIDENCE = 2
    RATE = 3


_GIVEN_UP = {
    Shed.PICTURES: 'pictures once a second',
    Shed.CONFIDENCE: 'pictures and confidence once a second',
    Shed.RATE: 'pictures and confidence once a second, masks for half of the time',
}


class Load:
    """Follows how busy we are; any thread may ask.

    Args:
        sheds: whether load may be shed (``output.shed_load``).

    Attributes:
        shed: what is given up now.
        message: what is wrong, and what would help; empty if nothing is.
    """

    def __init__(self, sheds: bool) -> None:
        self.sheds = sheds
        self.shed, self.message = Shed.NOTHING, ''
        self._since_s: float | None = None
        self._sets: deque[tuple[float, int, int]] = deque()
        self._pictured_s = self._confided_s = float('-inf')

    def look(self, held_share: float, masks: int, overload: int, now_s: float) -> None:
        """Take in the present.

        Args:
            held_share: the share of the last seconds in which our threads did not run.
            masks: how many were made so far.
            overload: how many sets were skipped so far while the engine was busy.
            now_s: time that never goes back.
        """
        self._sets.append((now_s, masks, overload))
        while self._sets[0][0] < now_s - _WINDOW_S:
            self._sets.popleft()
        self._step(held_share, now_s)
        self.message = '; '.join(filter(None, (self._starved(held_share), self._slow())))

    def _step(self, held_share: float, now_s: float) -> None:
        """Give up one more thing while there is need, and take it back when it is over."""
        if self._since_s is None:
            self._since_s = now_s
        wanted = sum(held_share > limit for limit in _STARVED) if self.sheds else 0
        needed = sum(held_share > limit / 2 for limit in _STARVED) if self.sheds else 0
        if needed >= self.shed >= wanted:
            self._since_s = now_s
        elif now_s - self._since_s >= (_WORSE_AFTER_S if wanted > self.shed else _BETTER_AFTER_S):
            self.shed = Shed(self.shed + (1 if wanted > self.shed else -1))
            self._since_s = now_s

    def _starved(self, held_share: float) -> str:
        if held_share <= _STARVED[0] and not self.shed:
            return ''
        given_up = _GIVEN_UP.get(self.shed)
        return (
            f'our threads did not run for {held_share:.0%} of the last {_WINDOW_S:g} s, verdicts '
            'on sensors wait'
            + (f', {given_up}' if given_up else '')
            + ': end other work on this computer, or need less with output.max_rate_hz, '
            'engine.threads or a smaller bundle'
        )

    def _slow(self) -> str:
        (start_s, masks, overload), (end_s, masks_now, overload_now) = (
            self._sets[0],
            self._sets[-1],
        )
        made, skipped = masks_now - masks, overload_now - overload
        if made + skipped < _LEAST_SETS or skipped <= _SKIPPED * (made + skipped):
            return ''
        rate_hz = made / (end_s - start_s)
        return (
            f'{skipped} of {made + skipped} sets were skipped in the last {end_s - start_s:.0f} s '
            f'while the engine was busy: set output.max_rate_hz to {max(rate_hz, 1):.0f}, or '
            'choose a faster engine.backend or a smaller bundle'
        )

    def admits_pictures(self, now_s: float) -> bool:
        """Tell whether the pictures of a mask may be made; if so, they are counted."""
        if self.shed >= Shed.PICTURES and now_s - self._pictured_s < _SELDOM_S:
            return False
        self._pictured_s = now_s
        return True

    def admits_confidence(self, now_s: float) -> bool:
        """Tell whether the confidence of a mask may be published; if so, it is counted."""
        if self.shed >= Shed.CONFIDENCE and now_s - self._confided_s < _SELDOM_S:
            return False
        self._confided_s = now_s
        return True

    def rest_s(self, busy_s: float) -> float:
        """Return how long to rest after a mask that took so long."""
        return busy_s if self.shed >= Shed.RATE else 0.0

    def values(self) -> Mapping[str, object]:
        """Return what diagnostics say."""
        return {'shed': self.shed.name.lower()}
