# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the node says about itself, as diagnostic_msgs; pure functions of reports and numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
import numpy as np

from mm_robust_seg.dataflow import HealthLevel, HealthReport, Reason, Segmentation, SensorHealth
from mm_robust_seg.finding import Participation
from mm_robust_seg.foreign_text import SENTENCE_LENGTH, shortened
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.ros.node.threads.engine_thread import EngineState


@dataclass(frozen=True)
class State:
    """What is running, why, and what was running before.

    Attributes:
        active: the combination the policy chose.
        previous: the combination before it; empty at the start.
        is_paused: whether simulated time stands still, so that no sensor is judged.
    """

    report: HealthReport
    active: ModalitySet
    previous: ModalitySet
    is_paused: bool = False

    @classmethod
    def after(
        cls,
        before: State | None,
        report: HealthReport,
        active: ModalitySet,
        is_paused: bool = False,
    ) -> State:
        """Return the state that follows ``before``."""
        previous = ModalitySet()
        if before is not None:
            previous = before.previous if active == before.active else before.active
        return cls(report, active, previous, is_paused)

    @property
    def gist(self) -> Hashable:
        """What others are to hear of at once if it changes: sensors, combination, clock."""
        verdicts = [(h.reason, h.level, h.usable) for h in self.report.sensors.values()]
        return (self.active, self.is_paused, *verdicts)

    @property
    def level(self) -> HealthLevel:
        """OK with all sensors that are subscribed to, ERROR with none; one forced may not work."""
        sensors, usable = self.report.sensors.items(), self.report.usable
        wanted = ModalitySet(m for m, health in sensors if health.reason is not Reason.DISABLED)
        if not self.active & (usable | self.report.recovering):
            return HealthLevel.ERROR
        return HealthLevel.OK if wanted <= self.active & usable else HealthLevel.WARN


def status(
    level: HealthLevel, name: str, message: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """Return a DiagnosticStatus; its level is one byte, its values are texts.

    Its hardware is the node, so that tools which group by hardware keep the tasks together.

    Args:
        name: ``<node>: <task>``.
    """
    return DiagnosticStatus(
        level=bytes([level]),
        name=name,
        message=_text(message),
        hardware_id=name.partition(':')[0],
        values=[KeyValue(key=key, value=_text(value)) for key, value in values.items()],
    )


def _text(value: object) -> str:
    if isinstance(value, float):
        return f'{value:.6g}'
    return shortened(str(value), SENTENCE_LENGTH)


def sensor_status(node: str, health: SensorHealth, part: Participation | None) -> DiagnosticStatus:
    """Describe one sensor with the evidence for its state, and its part in the last masks."""
    values = {'reason': health.reason, 'usable': health.usable, **health.evidence}
    values |= _participation(part)
    name = f'{node}: {health.modality}'
    return status(health.level, name, f'{health.reason}: {health.detail}', values)


def _participation(part: Participation | None, prefix: str = '') -> dict[str, float]:
    """Return what the last masks were made of, as far as it is known."""
    if part is None:
        return {}
    times_s = {'age_ms': part.age_s, 'latency_ms': part.latency_s}
    known = {name: time_s * 1e3 for name, time_s in times_s.items() if time_s is not None}
    return {f'{prefix}{name}': value for name, value in {'share': part.share, **known}.items()}


def modality_state(name: str, state: State) -> DiagnosticStatus:
    """Describe the active combination, the one before it, and each sensor's reason and part."""
    clock = 'paused' if state.is_paused else 'running'
    values: dict[str, object] = {
        'active': state.active,
        'degraded': state.report.degraded(state.active),
        'previous': state.previous,
        'clock': clock,
    }
    for modality, health in state.report.sensors.items():
        values[str(modality)] = health.reason
        values[f'{modality}.detail'] = health.detail
        values |= _participation(state.report.taking_part.get(modality), f'{modality}.')
    stands_still = '/clock stands still' if state.is_paused else ''
    used = str(state.active) + (' degraded' if values['degraded'] else '')
    parts = [used, state.report.caption(), stands_still]
    message = ', '.join(filter(None, parts))
    return status(state.level, name, message, values)


def engine_status(
    node: str, engine: EngineState, values: Mapping[str, object]
) -> DiagnosticStatus:
    """Describe the engine; inferences that failed are a warning for a person to look at.

    Args:
        values: what else there is to know, such as the bundle.
    """
    failures = engine.counters['engine_failures']
    level, message = HealthLevel.OK, engine.description
    if engine.trouble:
        level = HealthLevel.ERROR
        advice = 'deactivate, clean up and configure the node to load the engine anew'
        message = f'{engine.trouble}; {advice}'
    elif failures:
        level, message = HealthLevel.WARN, f'{message}; {failures} inferences failed so far'
    return status(level, f'{node}: engine', message, {'failures': failures, **values})


def output_status(
    node: str,
    engine: EngineState,
    summary: Mapping[str, object],
    rivals: str = '',
    overload: str = '',
) -> DiagnosticStatus:
    """Describe the stream of masks.

    Args:
        summary: of ``Deliveries``.
        rivals: of ``several_publishers``.
        overload: of ``Load``: what is too much, and what would help.
    """
    if not engine.is_enabled:
        level, message = HealthLevel.WARN, 'switched off by ~/enable'
    elif not summary['mask_hz']:
        level, message = HealthLevel.WARN, 'no mask in the last second'
    else:
        level, message = HealthLevel.OK, f'{summary["mask_hz"]} masks in the last second'
        if degraded := summary['degraded_hz']:
            level = HealthLevel.WARN
            message += f', {degraded} of them from degraded sensors, as no better one is left'
    if skipped := engine.counters['overload']:
        message += f'; {skipped} frame sets skipped so far while the engine was busy'
    if overload:
        level, message = max(level, HealthLevel.WARN), f'OVERLOADED: {overload}; {message}'
    if rivals:
        level, message = max(level, HealthLevel.WARN), f'{rivals}; {message}'
    return status(level, f'{node}: output', message, {**summary, **engine.counters})


def several_publishers(topic: str, publishers: int) -> str:
    """Say what is to be done about other publishers of the masks; empty without any."""
    return (
        f'{publishers} publishers of {topic}, one of them this node: end the others, or give each '
        'node a name or namespace of its own (-r __node:=name, -r __ns:=/name)'
        if publishers > 1
        else ''
    )


@dataclass(frozen=True)
class Delivery:
    """One published mask, and when; times on the node's clock.

    Attributes:
        published_ns: when the mask had been handed to the middleware.
        adapter: the adapter that was folded into the network, or ``none``.
    """

    segmentation: Segmentation
    published_ns: int
    adapter: str

    @property
    def end_to_end_ms(self) -> float:
        """From the arrival of the set's first image to the published mask."""
        return (self.published_ns - self.segmentation.frames.opened_ns) * 1e-6

    @property
    def age_ms(self) -> float:
        """From the stamp of the reference image to the published mask."""
        return (self.published_ns - self.segmentation.stamp_ns) * 1e-6


def frame_info(name: str, delivery: Delivery) -> DiagnosticStatus:
    """Describe how one mask came to be."""
    result = delivery.segmentation
    is_good = result.combination and not result.degraded
    level = HealthLevel.OK if is_good else HealthLevel.WARN
    values = {
        'sensors': result.combination,
        'degraded': result.degraded,
        'adapter': delivery.adapter,
        'reference': result.reference.modality,
        'switched': result.switched,
        'skew_ms': result.frames.skew_s * 1e3,
        'wait_ms': result.frames.wait_s * 1e3,
        'inference_ms': result.inference_s * 1e3,
        'end_to_end_ms': delivery.end_to_end_ms,
        'age_ms': delivery.age_ms,
        'pace': result.frames.pace,
        **{f'{m}.age_ms': age_s * 1e3 for m, age_s in result.frames.ages_s.items()},
    }
    return status(level, name, str(result.combination), values)


class Deliveries:
    """Rate and latency of the last masks."""

    def __init__(self) -> None:
        self.count = 0
        self._recent: deque[tuple[int, float, bool]] = deque(maxlen=120)

    def add(self, delivery: Delivery) -> None:
        """Count one mask."""
        self.count += 1
        is_degraded = bool(delivery.segmentation.degraded)
        self._recent.append((delivery.published_ns, delivery.end_to_end_ms, is_degraded))

    def summary(self, now_ns: int) -> dict[str, object]:
        """Return the masks of the last second, and the latency of the last 120, as values."""
        recent = tuple(self._recent)
        now = [degraded for at_ns, _, degraded in recent if abs(now_ns - at_ns) < 1_000_000_000]
        values: dict[str, object] = {
            'masks': self.count,
            'mask_hz': len(now),
            'degraded_hz': sum(now),
        }
        if recent:
            p50, p99 = np.percentile([latency for _, latency, _ in recent], [50, 99])
            values |= {'end_to_end_ms_p50': float(p50), 'end_to_end_ms_p99': float(p99)}
        return values
