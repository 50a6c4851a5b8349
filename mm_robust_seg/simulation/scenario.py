# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A scenario: a drive through the simulated world during which sensors fail and come back.

The file format, YAML; only ``phases`` is required::

    seed: 7                               # of the world, the rig and the faults
    conditions: {time_of_day_h: 18.2}     # fields of simulation.conditions.Conditions
    rates_hz: {thermal: 9}                # cameras slower than the rig's frame rate
    jitter_ratio: 0.2                     # images are sent up to this share of a period late
    loss_ratio: 0.01                      # share of the images that is lost, at random
    phases:                               # one after the other, from 0 s
      - {name: all sensors, duration_s: 5}
      - {name: thermal silent, duration_s: 6, faults: {thermal: silent}}
      - {name: thermal slow, duration_s: 6, faults: {thermal: {kind: slow, rate_ratio: 0.3}}}
      - {name: clock back, duration_s: 4, faults: {rig: {kind: clock_jump, by_s: -5}}}

The faults are those of ``simulation.faults``, their numbers and ranges those of ``faults.spec``.
A bag has its own conditions, rates, jitter and loss: there, only seed and phases count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import from_tree, load, naming, parameter, required, shown, unknown
from mm_robust_seg.simulation.faults import Fault, FaultSpec
from mm_robust_seg.simulation.world.conditions import Conditions

_ROUNDING_S = 1e-6
_RIG = 'rig'
_LONGEST_PHASE_S = 3600.0


@dataclass(frozen=True)
class Phase:
    """A stretch of time with the same faults.

    Attributes:
        faults: what is wrong, by sensor.
        rig_fault: what happens to the common clock when the phase begins.
    """

    name: str
    start_s: float
    duration_s: float
    faults: Mapping[Modality, FaultSpec] = field(default_factory=dict)
    rig_fault: FaultSpec | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'faults', MappingProxyType(dict(self.faults)))

    @property
    def end_s(self) -> float:
        """When the next phase begins, in seconds from the start of the scenario."""
        return self.start_s + self.duration_s

    @property
    def live(self) -> ModalitySet:
        """The sensors without a fault."""
        return COMPLETE - ModalitySet(self.faults)


@dataclass(frozen=True)
class PhaseEntry:
    """A phase as the file has it."""

    name: str = required('What the phase is called.')
    duration_s: float = required('How long it lasts.', _ROUNDING_S, _LONGEST_PHASE_S)
    faults: Mapping[str, Any] = parameter({}, 'What is wrong, by sensor, or with the rig.')


def _phases(name: str, tree: object) -> tuple[Phase, ...]:
    """Read phases that follow each other."""
    if not isinstance(tree, list) or not tree:
        raise ConfigError(f'{name} is {shown(tree)}: expected a list of at least one phase')
    phases: list[Phase] = []
    for number, item in enumerate(tree):
        place = f'{name}[{number}]'
        entry = from_tree(PhaseEntry, item, place)
        if not entry.name.strip():
            raise ConfigError(f'{place}.name is {shown(entry.name)}: expected some text')
        faults = {
            target: _fault(f'{place}.faults.{target}', target, value)
            for target, value in entry.faults.items()
        }
        phases.append(
            Phase(
                name=entry.name.strip(),
                start_s=phases[-1].end_s if phases else 0.0,
                duration_s=entry.duration_s,
                rig_fault=faults.pop(_RIG, None),
                faults={Modality(sensor): spec for sensor, spec in faults.items()},
            )
        )
    return tuple(phases)


def _fault(name: str, target: str, value: Any) -> FaultSpec:
    """Read ``silent`` or ``{kind: slow, rate_ratio: 0.3}``."""
    targets = [*(modality.value for modality in Modality), _RIG]
    if target not in targets:
        raise ConfigError(f'{unknown(name, [])} (known: {", ".join(targets)})')
    numbers = dict(value) if isinstance(value, dict) else {}
    kind = numbers.pop('kind', None) if numbers else value
    possible = {fault.value: fault for fault in Fault if _can_have(target, fault)}
    if not isinstance(kind, str) or kind not in possible:
        raise ConfigError(
            f'{name} is {shown(kind)}: expected one of {", ".join(possible)}, or '
            '{kind: one of them, and its numbers}'
        )
    with naming(name):
        return FaultSpec(possible[kind], numbers)


def _can_have(target: str, fault: Fault) -> bool:
    if target == _RIG:
        return fault.is_of_rig
    return not fault.is_of_rig and Modality(target) in fault.applies_to


@dataclass(frozen=True)
class Scenario:
    """The world to drive through and the phases of the drive, in order."""

    phases: tuple[Phase, ...] = required('One after the other, from 0 s.', read=_phases)
    seed: int = parameter(0, 'Of the world, the rig and the faults.', 0)
    conditions: Conditions = field(default_factory=Conditions)
    rates_hz: Mapping[Modality, float] = parameter(
        {}, 'Of the cameras that do not run at the frame rate of the rig.', 0.1, 240.0
    )
    jitter_ratio: float = parameter(
        0.0, 'Images are sent up to this share of a period late; stamps stay regular.', 0.0, 0.999
    )
    loss_ratio: float = parameter(
        0.0, 'Share of the images that is lost on the way, whatever the phase.', 0.0, 0.999
    )

    @property
    def duration_s(self) -> float:
        """Length of all phases together."""
        return self.phases[-1].end_s

    @property
    def moves_clock(self) -> bool:
        """Whether the clock jumps or begins anew at some time."""
        return any(phase.rig_fault for phase in self.phases)

    def phase_index(self, t_s: float) -> int:
        """Return the index of the phase at ``t_s``; the last one covers all later times."""
        for index, phase in enumerate(self.phases):
            if t_s < phase.end_s - _ROUNDING_S:
                return index
        return len(self.phases) - 1

    def shift_s(self, t_s: float) -> float:
        """Return how far the clock of rig and computer is from where it would be at ``t_s``."""
        shift_s = 0.0
        for phase in self.phases[: self.phase_index(t_s) + 1]:
            if phase.rig_fault is None:
                continue
            is_loop = phase.rig_fault.kind is Fault.LOOP
            shift_s = -phase.start_s if is_loop else shift_s + phase.rig_fault['by_s']
        return shift_s


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ConfigError: naming the file and the entry that is missing or makes no sense.
    """
    return load(Scenario, path, 'a scenario')
