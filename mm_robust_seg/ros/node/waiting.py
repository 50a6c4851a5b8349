# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Say in the log what a node that does nothing waits for."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

PERIOD_S = 5.0


class WaitingLog:
    """Logs an advice as long as it stays: after 5, 10, 20, 40 seconds, and so on.

    Args:
        node: owns the timer and the log.
        advice: what a person should do; empty while there is nothing to wait for.
    """

    def __init__(self, node: Node, advice: Callable[[], str]) -> None:
        self._advice, self._log = advice, node.get_logger()
        self._last, self._looks = '', 0
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(PERIOD_S, self._look, clock=clock)

    def _look(self) -> None:
        advice = self._advice()
        self._looks = self._looks + 1 if advice == self._last else 1
        self._last = advice
        if advice and self._looks & (self._looks - 1) == 0:  # a power of two
            self._log.info(advice)
