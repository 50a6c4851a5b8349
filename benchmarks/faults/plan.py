# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the rig plays in a benchmark of faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet
from mm_robust_seg.simulation.faults import Fault
from mm_robust_seg.simulation.faults.spec import PARAMETERS
from mm_robust_seg.simulation.faults.vocabulary import DAMAGE

GOOD, TRIAL, COMPARE, CLEAN = 'good', 'trial', 'compare', 'clean'
"""Kinds, and names, of phases: recovery, one fault to detect, sensors silent, nothing wrong."""

START_S = 8.0
"""Until then the monitor learns what the cameras usually show."""
_COMPARE_S, _COMPARE_GAP_S = 6.0, 4.0
_FAULTS_IN_A_ROW, _CLEAN_S = 12, 15.0
_GAP_S = 0.5
_REST_S = 3.2
"""A sensor is given this long to be used again: twice the probation, since it fails often."""

_LASTS_S: Mapping[Fault, float] = {
    Fault.FROZEN: 0.8,
    Fault.FFC: 0.8,
    Fault.GONE: 0.8,
    Fault.QOS_MISMATCH: 0.8,
    Fault.OUT_OF_ORDER: 1.0,
    Fault.SLOW: 2.4,
    Fault.LOSSY: 5.0,
    Fault.SKEW: 2.4,
    Fault.CLOCK_JUMP: 1.0,
    Fault.LOOP: 1.0,
    **dict.fromkeys(DAMAGE, 1.8),
}
_DEFAULT_LASTS_S = 0.6
_SKEW_S = PARAMETERS[Fault.SKEW]['offset_s'].default
_PLANNED_HZ = 30.0
"""The rate that these times are for."""
_LONGER = 0.25
"""A fault lasts up to this share longer, at random, so that the next one begins at any time."""

_CLOCK_GAP_S: Mapping[Fault, float] = {Fault.CLOCK_JUMP: 1.0, Fault.LOOP: 3.0}
"""Least time before a fault of the clock. A jump goes back 5 s: time that begins anew only goes
back, too, if more has passed since it last did."""

QOS_SENSOR = Modality.DEPTH
"""The sensor whose subscription requests reliability: no other can be refused."""

_NARROWED: Mapping[Fault, ModalitySet] = {
    Fault.FROZEN: COMPLETE - {Modality.THERMAL},  # a shutter calibration for its first seconds
    Fault.SKEW: COMPLETE - {Modality.RGB},  # the reference: the others would be skewed
    Fault.QOS_MISMATCH: ModalitySet([QOS_SENSOR]),
}
SENSOR_FAULTS = tuple(fault for fault in Fault if not fault.is_of_rig)
RIG_FAULTS = tuple(fault for fault in Fault if fault.is_of_rig)


@dataclass(frozen=True)
class PlannedPhase:
    """A phase of the scenario.

    Attributes:
        kind: what it is for, and its name in the scenario.
        faults: what is wrong, by sensor.
        rig_fault: what happens to the clock when it begins.
    """

    kind: str
    duration_s: float
    faults: Mapping[Modality, Fault] = field(default_factory=dict)
    rig_fault: Fault | None = None

    @property
    def live(self) -> ModalitySet:
        """The sensors without a fault."""
        return COMPLETE - ModalitySet(self.faults)


Plan = Sequence[PlannedPhase]


def duration_s(plan: Plan) -> float:
    """Return the length of all phases together."""
    return sum(phase.duration_s for phase in plan)


def needs_reliability(plan: Plan) -> bool:
    """Tell whether a sensor's publisher will offer less than a reliable subscription requests."""
    return any(Fault.QOS_MISMATCH in phase.faults.values() for phase in plan)


def scenario(
    plan: Plan, seed: int, rates_hz: Mapping[str, float] | None = None, **streams: object
) -> dict[str, Any]:
    """Return the content of the rig's scenario file.

    Args:
        rates_hz: of sensors that are slower, by name; how far stamps may differ goes by them.
        streams: jitter and loss.
    """
    rates_hz = rates_hz or {}
    phases = [_phase(phase, rates_hz) for phase in plan]
    return {'seed': seed, 'rates_hz': dict(rates_hz), **streams, 'phases': phases}


def _phase(phase: PlannedPhase, rates_hz: Mapping[str, float]) -> dict[str, Any]:
    faults: dict[str, Any] = {str(m): str(fault) for m, fault in phase.faults.items()}
    for name, kind in faults.items():
        if kind == str(Fault.SKEW) and name in rates_hz:
            offset_s = _SKEW_S * _PLANNED_HZ / rates_hz[name]
            faults[name] = {'kind': kind, 'offset_s': max(-1.0, offset_s)}
    if phase.rig_fault is not None:
        faults['rig'] = str(phase.rig_fault)
    return {'name': phase.kind, 'duration_s': round(phase.duration_s, 4), 'faults': faults}


def trials(
    count: int, rng: np.random.Generator, rates_hz: Mapping[Modality, float] | None = None
) -> list[PlannedPhase]:
    """Plan ``count`` trials of every fault of a sensor, the sensors in turn.

    Args:
        rates_hz: of the sensors; a fault of a slower one lasts longer.
    """
    faults = list(SENSOR_FAULTS)
    plan, turns = [PlannedPhase(GOOD, START_S)], _Turns(rng, rates_hz or {})
    for _ in range(count):
        rng.shuffle(faults)
        # The faults that few sensors can have choose first; the rest fills the gaps.
        waiting = sorted(faults, key=lambda fault: len(targets(fault)))
        while waiting:
            fault, modality = turns.choose(waiting)
            waiting.remove(fault)
            plan += turns.phases(fault, modality)
    return [*plan, PlannedPhase(GOOD, _REST_S)]


def targets(fault: Fault) -> ModalitySet:
    """Return the sensors on which a fault is tried."""
    return _NARROWED.get(fault, fault.applies_to)


class _Turns:
    """Remembers when each sensor failed last, and lets it rest."""

    def __init__(self, rng: np.random.Generator, rates_hz: Mapping[Modality, float]) -> None:
        self._rng, self._now_s = rng, 0.0
        self._longer = {m: max(1.0, _PLANNED_HZ / rates_hz.get(m, _PLANNED_HZ)) for m in Modality}
        self._ended_s = dict.fromkeys(Modality, -_REST_S)

    def choose(self, waiting: Sequence[Fault]) -> tuple[Fault, Modality]:
        """Return a fault and the sensor that has it, of those the one that rested longest."""
        for modality in sorted(Modality, key=lambda m: self._ended_s[m]):
            for fault in waiting:
                if modality in targets(fault):
                    return fault, modality
        raise ValueError('no sensor can have any of these faults')

    def phases(self, fault: Fault, modality: Modality) -> list[PlannedPhase]:
        """Return a good phase, as long as the sensor needs, and the fault."""
        longer = self._longer[modality]
        rest_s = self._ended_s[modality] + longer * _REST_S - self._now_s
        gap_s = max(_GAP_S, rest_s) + self._rng.uniform(0, 0.1)
        shortest_s = longer * _LASTS_S.get(fault, _DEFAULT_LASTS_S)
        lasts_s = shortest_s * self._rng.uniform(1, 1 + _LONGER)
        self._now_s += gap_s + lasts_s
        self._ended_s[modality] = self._now_s
        return [PlannedPhase(GOOD, gap_s), PlannedPhase(TRIAL, lasts_s, {modality: fault})]


def clock_trials(count: int, rng: np.random.Generator) -> list[PlannedPhase]:
    """Plan ``count`` jumps of the clock and as many restarts of time."""
    plan = [PlannedPhase(GOOD, START_S)]
    for _ in range(count):
        for fault in RIG_FAULTS:
            plan.append(PlannedPhase(GOOD, _CLOCK_GAP_S[fault] + rng.uniform(0, 1)))
            plan.append(PlannedPhase(TRIAL, _LASTS_S[fault], rig_fault=fault))
    return [*plan, PlannedPhase(GOOD, _REST_S)]


def comparison() -> list[PlannedPhase]:
    """Plan each combination of sensors that live while the others are silent."""
    plan = [PlannedPhase(GOOD, _COMPARE_GAP_S)]
    for live in all_combinations():
        silent = dict.fromkeys(COMPLETE - live, Fault.SILENT)
        plan += [PlannedPhase(COMPARE, _COMPARE_S, silent), PlannedPhase(GOOD, _COMPARE_GAP_S)]
    return plan


def clean(length_s: float) -> list[PlannedPhase]:
    """Plan a phase in which nothing is wrong, after a start that does not count."""
    return [PlannedPhase(GOOD, START_S), PlannedPhase(CLEAN, length_s)]


def random_faults(length_s: float, rng: np.random.Generator) -> list[PlannedPhase]:
    """Plan a soak: faults at random for a while, then a clean phase, again and again.

    Args:
        length_s: at least this long; the last part is whole.
        rng: decides on everything.
    """
    blamed = [fault for fault in SENSOR_FAULTS if fault.reason is not Reason.OK]
    plan, turns = [PlannedPhase(GOOD, START_S), PlannedPhase(CLEAN, _CLEAN_S)], _Turns(rng, {})
    while duration_s(plan) < length_s:
        for _ in range(_FAULTS_IN_A_ROW):
            plan += turns.phases(*turns.choose([blamed[rng.integers(len(blamed))]]))
        plan += [PlannedPhase(GOOD, _REST_S), PlannedPhase(CLEAN, _CLEAN_S)]
    return plan
