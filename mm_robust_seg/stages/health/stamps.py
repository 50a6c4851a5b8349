# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the stamps of one sensor tell: age, order, repetition, and frames that are missing."""

from __future__ import annotations

from collections import deque

from mm_robust_seg.periods import usual_step_ns

_STEPS = 90
_LEAST_STEPS = 10
_SKIP = 1.7
"""Periods from one stamp to the next that mean a lost frame: 2 less the jitter of both stamps.
With 20 % jitter (Gaussian), 0.6 % of the steps without a loss are longer."""
_EARLY = 0.4
"""Periods from one stamp to the next within a burst."""
_HINT = 3
"""Missing frames that may explain a low rate. One lost step alone says little."""
_REORDERED = 4
"""Stamps in a row that are older than an earlier one: no disorder any more, but a step back."""
_AGES = 15
_REMEMBERED = 8
_LOOP_NS = 500_000_000


class Stamps:
    """The stamps of one sensor's messages.

    Attributes:
        is_repeated: whether the last stamp is one of the few before it, on a clock that moved.
        went_back_ns: arrival of the stamp that lay half a second before the usual ones, if those
            that followed did not return to where they were.
        frames_since_back: messages since then, that one included.
    """

    def __init__(self) -> None:
        self.is_repeated = False
        self.went_back_ns: int | None = None
        self.frames_since_back = 0
        self._left_ns = 0
        self._recent_ns: deque[int] = deque(maxlen=_REMEMBERED)
        self._arrival_ns = 0
        self._newest_ns: int | None = None
        self._newest_arrival_ns = 0
        self._behind = 0
        self._steps_ns: deque[int] = deque(maxlen=_STEPS)
        self._gaps_ns: deque[int] = deque(maxlen=_STEPS)
        self._reported: deque[int] = deque(maxlen=_STEPS)
        self._ages_s: deque[float] = deque(maxlen=_AGES)
        self._latest_ages_s: deque[float] = deque(maxlen=3)

    def add(self, stamp_ns: int, arrival_ns: int, age_s: float, reported: int) -> None:
        """Note a message, and how many the middleware reported lost just before it."""
        self._watch_return(stamp_ns, arrival_ns)
        self.frames_since_back += 1
        self.is_repeated = stamp_ns in self._recent_ns and arrival_ns > self._arrival_ns
        if not self._recent_ns or stamp_ns > self._recent_ns[-1]:
            self._ages_s.append(age_s)
        self._recent_ns.append(stamp_ns)
        self._arrival_ns = arrival_ns
        self._latest_ages_s.append(age_s)
        is_newer = self._newest_ns is None or stamp_ns > self._newest_ns
        if self._newest_ns is not None:
            step_ns = max(0, stamp_ns - self._newest_ns)
            self._steps_ns.append(step_ns)
            self._gaps_ns.append(min(step_ns, arrival_ns - self._newest_arrival_ns))
            self._reported.append(reported)
        self._behind = 0 if is_newer else self._behind + 1
        if self._behind in (0, _REORDERED):
            self._newest_ns = stamp_ns
        if is_newer or self.is_repeated:
            self._newest_arrival_ns = arrival_ns

    def _watch_return(self, stamp_ns: int, arrival_ns: int) -> None:
        """See whether the stamps begin anew; a single one that is wrong is no return."""
        usual_ns = sorted(self._recent_ns)[len(self._recent_ns) // 2] if self._recent_ns else 0
        if stamp_ns < usual_ns - _LOOP_NS:
            self.went_back_ns, self.frames_since_back = arrival_ns, 0
            self._left_ns = usual_ns
            self._recent_ns.clear()
            self._ages_s.clear()
            self.forget_steps()
        elif stamp_ns > self._left_ns:
            self.went_back_ns = None

    def forget_steps(self) -> None:
        """Count missing frames anew, from the next one on."""
        self._newest_ns = None
        self._steps_ns.clear()
        self._gaps_ns.clear()
        self._reported.clear()

    @property
    def lost_frames(self) -> int:
        """Frames missing among the last 90: from gaps of whole periods, or as reported.

        A gap is one of stamps and of arrivals: a stamp alone may jump for other reasons. Frames
        that came out of order, or soon after another, fill gaps. None count while the sensor
        leaves out more than it sends: then it is slow, and its period is not known.
        """
        return self._missing() if self._whole_steps(4) >= 2 else 0

    @property
    def may_be_lossy(self) -> bool:
        """Whether a low rate may come from lost frames, although few have been counted yet."""
        return self._whole_steps(6) >= 2 and self._missing() >= _HINT

    @property
    def sent_hz(self) -> float | None:
        """The rate of the frames where none is missing; None while too few are known."""
        period_ns = self._period_ns()
        return 1e9 / period_ns if period_ns else None

    def _missing(self) -> int:
        period_ns = self._period_ns()
        if not period_ns:
            return 0
        skipped = sum(
            int(gap_ns / period_ns + 2 - _SKIP) - 1
            for gap_ns in self._gaps_ns
            if gap_ns >= _SKIP * period_ns
        )
        early = sum(step_ns < _EARLY * period_ns for step_ns in self._steps_ns)
        return max(0, skipped - early, sum(self._reported))

    def _whole_steps(self, count: int) -> int:
        """Return how many of the last ``count`` steps leave nothing out."""
        limit_ns = _SKIP * self._period_ns()
        return sum(gap_ns < limit_ns for gap_ns in list(self._gaps_ns)[-count:])

    def _period_ns(self) -> int:
        """Return the usual step from one stamp to the next; 0 while too few are known."""
        ahead_ns = [step_ns for step_ns in self._steps_ns if step_ns]
        return usual_step_ns(ahead_ns) if len(ahead_ns) >= _LEAST_STEPS else 0

    @property
    def median_age_s(self) -> float | None:
        """Median age on arrival of the last frames that came in order; None with too few."""
        return sorted(self._ages_s)[_AGES // 2] if len(self._ages_s) == _AGES else None

    @property
    def constant_age_s(self) -> float | None:
        """The age of the last three messages if it hardly varies: an offset, not a queue."""
        ages_s = sorted(self._latest_ages_s)
        is_constant = len(ages_s) == 3 and ages_s[2] - ages_s[0] < 0.05
        return ages_s[1] if is_constant else None
