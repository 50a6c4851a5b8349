"""The watch over the sensors: tells the world what changed at once, and everything at 1 Hz."""

from __future__ import annotations

from collections.abc import Callable
import time

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from mm_robust_seg.dataflow import HealthLevel
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.ros.node import diagnostics
from mm_robust_seg.ros.node.arrivals import Inputs
from mm_robust_seg.ros.node.departures import Outputs
from mm_robust_seg.ros.node.diagnostics import State
from mm_robust_seg.ros.node.engine_thread import TICK_S, Worker
from mm_robust_seg.ros.node.self_check_facts import SelfCheck
from mm_robust_seg.transport import ClockPaused

_PERIOD_S = 1.0
_SELF_CHECK_S = 5.0
_PAUSED_S = 1.0
_IDLE_S = 0.05
"""Between two looks while no sensor is usable; no more than half the shortest usual timeout."""


class StateWatch:
    """Follows the verdicts on the sensors and the active combination, from activation on.

    Args:
        node: gives name, log and clock.
        worker: holds the pipeline.
        inputs: knows how many publishers each sensor has.
        outputs: publishes.
        self_check: explains once, after five seconds, why inputs are silent.
        own_statuses: the diagnostics of engine and output at a time in nanoseconds.
    """

    def __init__(
        self,
        node: Node,
        worker: Worker,
        inputs: Inputs,
        outputs: Outputs,
        self_check: SelfCheck,
        own_statuses: Callable[[int], list[DiagnosticStatus]],
    ) -> None:
        self._clock, self._log = node.get_clock(), node.get_logger()
        self._worker, self._inputs, self._outputs = worker, inputs, outputs
        self._self_check, self._own_statuses = self_check, own_statuses
        self._name = node.get_fully_qualified_name().lstrip('/')
        self._state: State | None = None
        self._told_s = float('-inf')
        self._check_due_s: float | None = time.monotonic() + _SELF_CHECK_S
        self._clock_ns, self._clock_moved_s = -1, 0.0

    @property
    def is_idle(self) -> bool:
        """Whether no sensor is usable, so that ``tick`` is called rarely unless one speaks."""
        return self._state is None or not self._state.report.usable

    def tick(self) -> float:
        """Look once; return the seconds until the next look."""
        now_s = time.monotonic()
        is_periodic = now_s - self._told_s >= _PERIOD_S
        if is_periodic:
            self._told_s = now_s
            self._inputs.count_publishers()
        before = self._state
        self._state = state = self._worker.ask(self._look)
        has_changed = before is None or state.differs(before)
        if has_changed:
            self._worker.wake()
        if is_periodic or has_changed:
            self._publish(state)
        self._log_changes(before, state)
        if self._check_due_s is not None and now_s >= self._check_due_s:
            self._check_due_s = None
            self._self_check.log()
        return _IDLE_S if self.is_idle else TICK_S

    def _look(self, pipeline: Pipeline, now_ns: int) -> State:
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

    def _publish(self, state: State) -> None:
        sensors = [diagnostics.sensor_status(self._name, h) for h in state.report.sensors.values()]
        modality = diagnostics.modality_state(f'{self._name}: modality', state)
        now_ns = state.report.now_ns
        self._outputs.publish_state(
            now_ns, modality, [*sensors, modality, *self._own_statuses(now_ns)]
        )

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
