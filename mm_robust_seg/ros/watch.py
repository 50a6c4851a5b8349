"""The watch over the sensors: tells the world what changed at once, and everything at 1 Hz."""

from __future__ import annotations

from collections.abc import Callable
import time

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from mm_robust_seg.dataflow import HealthLevel
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.ros import diagnostics
from mm_robust_seg.ros.diagnostics import State
from mm_robust_seg.ros.inputs import Inputs
from mm_robust_seg.ros.publishers import Outputs
from mm_robust_seg.ros.worker import Worker

_PERIOD_S = 1.0


class StateWatch:
    """Follows the verdicts on the sensors and the active combination.

    Args:
        node: gives name, log and clock.
        worker: holds the pipeline.
        inputs: knows how many publishers each sensor has.
        outputs: publishes.
        own_statuses: the diagnostics of engine and output at a time in nanoseconds.
    """

    def __init__(
        self,
        node: Node,
        worker: Worker,
        inputs: Inputs,
        outputs: Outputs,
        own_statuses: Callable[[int], list[DiagnosticStatus]],
    ) -> None:
        self._clock, self._log = node.get_clock(), node.get_logger()
        self._worker, self._inputs, self._outputs = worker, inputs, outputs
        self._own_statuses = own_statuses
        self._name = node.get_fully_qualified_name().lstrip('/')
        self._state: State | None = None
        self._told_s = float('-inf')

    def tick(self) -> None:
        """Look once; called every 10 ms."""
        now_ns, now_s = self._clock.now().nanoseconds, time.monotonic()
        is_periodic = now_s - self._told_s >= _PERIOD_S
        if is_periodic:
            self._told_s = now_s
            self._count_publishers(now_ns)
        before = self._state
        report, active = self._worker.ask(lambda p: (p.assess(now_ns), p.active))
        self._state = state = State.after(before, report, active)
        if is_periodic or before is None or state.differs(before):
            self._publish(now_ns, state)
        self._log_changes(before, state)

    def _count_publishers(self, now_ns: int) -> None:
        counts = self._inputs.publisher_counts()

        def tell(pipeline: Pipeline) -> None:
            for modality, count in counts.items():
                pipeline.publishers(modality, count, now_ns)

        self._worker.ask(tell)

    def _publish(self, now_ns: int, state: State) -> None:
        sensors = [diagnostics.sensor_status(self._name, h) for h in state.report.sensors.values()]
        modality = diagnostics.modality_state(f'{self._name}: modality', state)
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
