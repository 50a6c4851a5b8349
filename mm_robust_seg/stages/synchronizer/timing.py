# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Learn from a stream how often its frames are taken, and how long they are on their way.

Nothing is tuned to one rate: who waits for a frame, and for how long its image may stand in for
the next, follows from what is learned here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.periods import usual_step_ns

_FRAMES = 31
_LEAST_STEPS = 3
_LATE_SHARE = 0.9
"""One frame in ten is later than the jitter says: waiting for each would cost all the others."""


@dataclass(frozen=True)
class StreamTiming:
    """When the frames of one sensor are taken, and how long they take to arrive.

    Attributes:
        period_ns: usual time from one stamp to the next.
        latency_ns: usual time from stamp to arrival; negative where the clocks differ.
        jitter_ns: how much later than usual one frame in ten arrives.
    """

    period_ns: int
    latency_ns: int
    jitter_ns: int


class TimingLearner:
    """The timing of one sensor's stream, from its last frames.

    Args:
        rate_hz: the nominal rate where it is configured, which a slower camera refutes; 0 to
            learn it.
    """

    def __init__(self, rate_hz: float = 0.0) -> None:
        self._nominal_ns = round(1e9 / rate_hz) if rate_hz else 0
        self._steps_ns: deque[int] = deque(maxlen=_FRAMES)
        self._latencies_ns: deque[int] = deque(maxlen=_FRAMES)
        self._newest_ns: int | None = None

    def observe(self, frame: Frame) -> None:
        """Take in one frame; one that repeats an earlier stamp or comes late teaches no period."""
        self._latencies_ns.append(frame.arrival_ns - frame.stamp_ns)
        if self._newest_ns is not None and frame.stamp_ns > self._newest_ns:
            self._steps_ns.append(frame.stamp_ns - self._newest_ns)
        self._newest_ns = max(frame.stamp_ns, self._newest_ns or frame.stamp_ns)

    @property
    def timing(self) -> StreamTiming | None:
        """What is known so far; None until three periods were seen, or one is configured."""
        if not self._latencies_ns or not (self._nominal_ns or len(self._steps_ns) >= _LEAST_STEPS):
            return None
        learned_ns = usual_step_ns(self._steps_ns) if self._steps_ns else 0
        period_ns = max(self._nominal_ns, learned_ns)
        latency_ns = _quantile(self._latencies_ns, 0.5)
        jitter_ns = _quantile(self._latencies_ns, _LATE_SHARE) - latency_ns
        return StreamTiming(period_ns, latency_ns, jitter_ns)


def _quantile(values: Collection[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
