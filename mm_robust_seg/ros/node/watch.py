"""The watch over the sensors: publishes what changed at once, and everything at 1 Hz."""

from __future__ import annotations

import time

from rclpy.node import Node

from mm_robust_seg.dataflow import HealthLevel
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.ros.node.arrivals import Arrivals
from mm_robust_seg.ros.node.departures import Departures
from mm_robust_seg.ros.node.diagnostics import State
from mm_robust_seg.ros.node.engine_thread import EngineThread
from mm_robust_seg.ros.node.self_check_facts import SelfCheck
from mm_robust_seg.ros.node.wake_calls import WakeCalls
from mm_robust_seg.transport import ClockPaused

SELF_CHECK_S = 5.0
"""After activation the self-check is logged once."""
_PERIOD_S = 1.0
_PAUSED_S = 1.0


class StateWatch:
    """Follows the verdicts on the sensors and the active combination, from activation on.

    Args:
        node: gives log and clock.
        engine_thread: holds the verdicts.
        arrivals: knows how many publishers each sensor has.
        departures: publishes.
        self_check: explains once why inputs are silent.
        wake_calls: call for drivers that hang.
    """

    def __init__(
        self,
        node: Node,
        engine_thread: EngineThread,
        arrivals: Arrivals,
        departures: Departures,
        self_check: SelfCheck,
        wake_calls: WakeCalls,
    ) -> None:
        self._clock, self._log = node.get_clock(), node.get_logger()
        self._engine_thread, self._arrivals = engine_thread, arrivals
        self._departures, self._self_check = departures, self_check
        self._wake_calls = wake_calls
        self._state: State | None = None
        self._published_s = float('-inf')
        self._check_due_s: float | None = time.monotonic() + SELF_CHECK_S
        self._clock_ns, self._clock_moved_s = -1, 0.0

    def look(self) -> bool:
        """Look once; tell whether no sensor is usable, so that there is no hurry to look again."""
        now_s = time.monotonic()
        is_periodic = now_s - self._published_s >= _PERIOD_S
        if is_periodic:
            self._published_s = now_s
            self._arrivals.count_publishers()
            self._wake_calls.prepare()
        before = self._state
        self._state = state = self._engine_thread.ask(self._assess)
        has_changed = before is None or state.differs(before)
        if has_changed:
            self._engine_thread.wake()
        if is_periodic or has_changed:
            self._departures.publish_state(state, self._engine_thread.state())
        self._log_changes(before, state)
        self._wake_calls.look(state.report, time.monotonic_ns())
        if self._check_due_s is not None and now_s >= self._check_due_s:
            self._check_due_s = None
            self._self_check.log()
        return not state.report.usable

    def _assess(self, pipeline: Pipeline, now_ns: int) -> State:
        """Return the state now."""
        is_paused = self._is_paused(now_ns, time.monotonic())
        if is_paused:
            pipeline.note(ClockPaused(), now_ns)
        return State.after(self._state, pipeline.assess(now_ns), pipeline.active, is_paused)

    def _is_paused(self, now_ns: int, now_s: float) -> bool:
        """Tell whether simulated time, once it has begun, stands still."""
        if now_ns != self._clock_ns or not self._clock.ros_time_is_active:
            self._clock_ns, self._clock_moved_s = now_ns, now_s
        return now_ns > 0 and now_s - self._clock_moved_s >= _PAUSED_S

    def _log_changes(self, before: State | None, state: State) -> None:
        for modality, health in state.report.sensors.items():
            if before is None or before.report.sensors[modality].reason != health.reason:
                self._log.info(f'{modality}: {health.reason}: {health.detail}')
        if before is not None and before.active != state.active:
            why = state.report.caption()
            change = f'{before.active} -> {state.active}' + (f' ({why})' if why else '')
            if state.level is HealthLevel.OK:
                self._log.info(change)
            else:
                self._log.warning(change)
        if state.is_paused != (before is not None and before.is_paused):
            news = 'stands still: no sensor is judged' if state.is_paused else 'goes on'
            self._log.info(f'/clock {news}')
