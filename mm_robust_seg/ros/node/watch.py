# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The watch over the sensors: publishes what changed at once, and everything at 1 Hz.

A sensor that changes with every frame does not flood: after a few changes at once, state and log
follow more slowly, and end with what is true last.
"""

from __future__ import annotations

from collections.abc import Hashable
import time
from typing import Generic, TypeVar

from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.node import Node

from mm_robust_seg.dataflow import HealthLevel, Reason
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.ros.node.arrivals import Arrivals
from mm_robust_seg.ros.node.departures import Departures
from mm_robust_seg.ros.node.diagnostics import State
from mm_robust_seg.ros.node.self_check_facts import SelfCheck
from mm_robust_seg.ros.node.threads.engine_thread import EngineThread
from mm_robust_seg.ros.node.threads.load import Load
from mm_robust_seg.ros.node.wake_calls import WakeCalls
from mm_robust_seg.transport import BeingDecoded, ClockPaused, HeldUp

T = TypeVar('T')
SELF_CHECK_S = 5.0
"""After activation the self-check is logged once."""
_PERIOD_S = 1.0
_PAUSED_S = 1.0
_STATES, _STATES_HZ = 10, 4.0
"""Changes that are published at once, and how often then."""
_LINES, _LINES_HZ = 10, 0.2
"""Changes of a sensor, or of the combination, that are logged at once, and how often then."""


class Allowance:
    """So many events at once, and so many per second in the long run (a token bucket).

    Args:
        burst: events that may come at once.
        rate_hz: how fast that number fills up again.
    """

    def __init__(self, burst: int, rate_hz: float) -> None:
        self._burst, self._rate_hz = burst, rate_hz
        self._left, self._at_s = float(burst), 0.0

    def admits(self, now_s: float) -> bool:
        """Tell whether an event may be let through; if so, it counts.

        Args:
            now_s: time that never goes back.
        """
        self._left = min(self._left + (now_s - self._at_s) * self._rate_hz, self._burst)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Changes(Generic[T]):
    """Says which changes of one value are told to others, and how many lie between two told ones.

    Args:
        allowance: how often one may be told.
        told: the value that need not be told; None if every value must be.
    """

    def __init__(self, allowance: Allowance, told: T | None = None) -> None:
        self.told = told
        self._allowance, self._last, self._count = allowance, told, 0

    def due(self, value: T, now_s: float) -> int:
        """Return 0 if nothing is to be told now; else how many changes this is the outcome of."""
        if value != self._last:
            self._last = value
            self._count += 1
        if value == self.told or not self._allowance.admits(now_s):
            return 0
        count, self._count, self.told = self._count, 0, value
        return count


class ChangeLog:
    """Logs the verdicts, the combination and the clock when they change."""

    def __init__(self, log: RcutilsLogger) -> None:
        self._log = log
        self._reasons = {m: Changes[Reason](_line_allowance()) for m in Modality}
        self._active: Changes[ModalitySet] | None = None
        self._paused = Changes[bool](_line_allowance(), told=False)

    def tell(self, state: State, now_s: float) -> None:
        """Log what has changed, as far as that is allowed."""
        for modality, health in state.report.sensors.items():
            if count := self._reasons[modality].due(health.reason, now_s):
                text = f'{modality}: {health.reason}: {health.detail}'
                self._log.info(text + _since_then(count))
        if self._active is None:
            self._active = Changes(_line_allowance(), told=state.active)
        before = self._active.told
        if count := self._active.due(state.active, now_s):
            why = state.report.caption()
            change = f'{before} -> {state.active}' + (f' ({why})' if why else '')
            change += _since_then(count)
            if state.level is HealthLevel.OK:
                self._log.info(change)
            else:
                self._log.warning(change)
        if self._paused.due(state.is_paused, now_s):
            news = 'stands still: no sensor is judged' if state.is_paused else 'goes on'
            self._log.info(f'/clock {news}')


def _line_allowance() -> Allowance:
    return Allowance(_LINES, _LINES_HZ)


def _since_then(count: int) -> str:
    return f' ({count} changes since the last line)' if count > 1 else ''


class StateWatch:
    """Follows the verdicts on the sensors and the active combination, from activation on.

    Args:
        node: gives log and clock.
        engine_thread: holds the verdicts.
        arrivals: knows how many publishers each sensor has, and what is not read yet.
        departures: publishes.
        self_check: explains once why inputs are silent.
        wake_calls: call for drivers that hang.
        load: is told how busy we are.
    """

    def __init__(
        self,
        node: Node,
        engine_thread: EngineThread,
        arrivals: Arrivals,
        departures: Departures,
        self_check: SelfCheck,
        wake_calls: WakeCalls,
        load: Load,
    ) -> None:
        self._clock, self._changes = node.get_clock(), ChangeLog(node.get_logger())
        self._engine_thread, self._arrivals = engine_thread, arrivals
        self._departures, self._self_check = departures, self_check
        self._wake_calls, self._load, self._held_s = wake_calls, load, 0.0
        self._state: State | None = None
        self._published_s = float('-inf')
        self._states = Changes[Hashable](Allowance(_STATES, _STATES_HZ))
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
            self._look_at_load(now_s)
        before = self._state
        is_watched = before is not None and bool(before.report.usable)
        self._held_s = self._arrivals.attendance.look(now_s, is_watched)
        self._state = state = self._engine_thread.ask(self._assess)
        if before is None or state.gist != before.gist:
            self._engine_thread.wake()
        if self._states.due(state.gist, now_s) or is_periodic:
            self._departures.publish_state(state, self._engine_thread.state())
        self._changes.tell(state, now_s)
        self._wake_calls.look(state.report, time.monotonic_ns())
        if self._check_due_s is not None and now_s >= self._check_due_s:
            self._check_due_s = None
            self._self_check.log()
        return not state.report.usable

    def _look_at_load(self, now_s: float) -> None:
        overload = self._engine_thread.state().counters['overload']
        held_share = self._arrivals.attendance.held_share
        self._load.look(held_share, self._departures.masks, overload, now_s)

    def _assess(self, pipeline: Pipeline, now_ns: int) -> State:
        """Return the state now."""
        is_paused = self._is_paused(now_ns, time.monotonic())
        if is_paused:
            pipeline.note(ClockPaused(), now_ns)
        if self._held_s:
            pipeline.note(HeldUp(now_ns - round(self._held_s * 1e9)), now_ns)
        for modality, arrival_ns in self._arrivals.waiting_ns().items():
            pipeline.note(BeingDecoded(modality, arrival_ns), now_ns)
        return State.after(self._state, pipeline.assess(now_ns), pipeline.active, is_paused)

    def _is_paused(self, now_ns: int, now_s: float) -> bool:
        """Tell whether simulated time, once it has begun, stands still."""
        if now_ns != self._clock_ns or not self._clock.ros_time_is_active:
            self._clock_ns, self._clock_moved_s = now_ns, now_s
        return now_ns > 0 and now_s - self._clock_moved_s >= _PAUSED_S
