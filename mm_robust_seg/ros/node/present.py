# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The present on the node's clock, between the ticks of ``/clock`` too."""

from __future__ import annotations

from collections import deque
import threading
import time

from rclpy.node import Node

_TICKS = 8
_LONGEST_STEP_NS = 1_000_000_000
"""A step that is longer is a jump, or an end of a pause."""


class Interpolation:
    """Simulated time that goes on between the steps of its clock.

    A simulator says what time it is ten times a second (the default of Gazebo Classic) or more
    often. Taken literally, images between two steps come from the future, and nothing can be
    waited for. So time goes on from the last step at the median speed of the last steps, but by
    no more than the shortest of them: no step is overtaken, and a pause is one here too.
    """

    def __init__(self) -> None:
        self._tick: tuple[int, int] | None = None
        self._steps: deque[tuple[int, int]] = deque(maxlen=_TICKS)
        self._present_ns = 0

    def present_ns(self, clock_ns: int, steady_ns: int) -> int:
        """Return the present.

        Args:
            clock_ns: what the clock says. If it goes back, time does.
            steady_ns: time that never jumps, from any beginning.
        """
        if self._tick is None or clock_ns < self._tick[0]:
            self._begin(clock_ns, steady_ns)
        elif clock_ns > self._tick[0]:
            step = (clock_ns - self._tick[0], steady_ns - self._tick[1])
            if step[0] > _LONGEST_STEP_NS:
                self._begin(clock_ns, steady_ns)
            else:
                self._steps.append(step)
                self._tick = clock_ns, steady_ns
        self._present_ns = max(self._present_ns, clock_ns + self._since_tick_ns(steady_ns))
        return self._present_ns

    def _begin(self, clock_ns: int, steady_ns: int) -> None:
        self._tick, self._present_ns = (clock_ns, steady_ns), clock_ns
        self._steps.clear()

    def _since_tick_ns(self, steady_ns: int) -> int:
        if self._tick is None or not self._steps:
            return 0
        speeds = sorted(simulated / max(1, passed) for simulated, passed in self._steps)
        passed_ns = (steady_ns - self._tick[1]) * speeds[len(speeds) // 2]
        return min(round(passed_ns), *(simulated for simulated, _ in self._steps))


class PresentTime:
    """Tells the present on a node's clock; any thread may ask."""

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()
        self._interpolation = Interpolation()
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the present in nanoseconds; 0 while simulated time has not begun."""
        with self._lock:
            clock_ns = int(self._clock.now().nanoseconds)
            if not self._clock.ros_time_is_active or clock_ns == 0:
                return clock_ns
            return self._interpolation.present_ns(clock_ns, time.monotonic_ns())
