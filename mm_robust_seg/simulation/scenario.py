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

from collections.abc import Iterable, Mapping
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.simulation.faults import Fault, FaultSpec
from mm_robust_seg.simulation.world.conditions import Conditions

_ROUNDING_S = 1e-6
_RIG = 'rig'
_LONGEST_PHASE_S = 3600.0
_ENTRIES = ('seed', 'conditions', 'rates_hz', 'jitter_ratio', 'loss_ratio', 'phases')


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
class Scenario:
    """The world to drive through and the phases of the drive, in order.

    Attributes:
        rates_hz: of the cameras that do not run at the rig's frame rate.
        jitter_ratio: images are sent up to this share of a period late; stamps stay regular.
        loss_ratio: share of the images that is lost on the way, whatever the phase.
    """

    seed: int
    conditions: Conditions
    phases: tuple[Phase, ...]
    rates_hz: Mapping[Modality, float] = field(default_factory=dict)
    jitter_ratio: float = 0.0
    loss_ratio: float = 0.0

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
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f'{path} cannot be read as a scenario: {error}; expected a YAML file'
        ) from error
    try:
        return parse_scenario(content)
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from error


def parse_scenario(content: Any) -> Scenario:
    """Check the content of a scenario file.

    Raises:
        ConfigError: naming the entry that is missing, unknown or makes no sense.
    """
    entries = _mapping('the scenario', content, _ENTRIES)
    seed = entries.get('seed', 0)
    if type(seed) is not int or seed < 0:
        raise ConfigError(f'seed is {seed!r}: expected a whole number of at least 0')
    listed = entries.get('phases')
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f'phases is {listed!r}: expected a list of at least one phase')
    phases: list[Phase] = []
    for number, entry in enumerate(listed, start=1):
        phases.append(_phase(f'phase {number}', entry, phases[-1].end_s if phases else 0.0))
    return Scenario(
        seed=seed,
        conditions=_conditions(entries.get('conditions')),
        phases=tuple(phases),
        rates_hz=_rates_hz(entries.get('rates_hz') or {}),
        jitter_ratio=_ratio('jitter_ratio', entries.get('jitter_ratio', 0.0)),
        loss_ratio=_ratio('loss_ratio', entries.get('loss_ratio', 0.0)),
    )


def _conditions(content: Any) -> Conditions:
    known = [item.name for item in dataclasses.fields(Conditions)]
    entries = _mapping('conditions', content if content is not None else {}, known)
    return Conditions(**{name: _number(name, value) for name, value in entries.items()})


def _phase(where: str, content: Any, start_s: float) -> Phase:
    entries = _mapping(where, content, ('name', 'duration_s', 'faults'))
    name = entries.get('name')
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f'{where} has the name {name!r}: expected some text')
    duration_s = _number(f'duration_s of {where} ({name})', entries.get('duration_s'))
    if not 0.0 < duration_s <= _LONGEST_PHASE_S:
        raise ConfigError(
            f'duration_s of {where} ({name}) is {duration_s:g}: expected more than 0 and at '
            f'most {_LONGEST_PHASE_S:g} seconds'
        )
    names = [*(modality.value for modality in Modality), _RIG]
    faults = _mapping(f'faults of {where} ({name})', entries.get('faults') or {}, names)
    specs = {target: _fault(target, value) for target, value in faults.items()}
    return Phase(
        name=name.strip(),
        start_s=start_s,
        duration_s=duration_s,
        rig_fault=specs.pop(_RIG, None),
        faults={Modality(sensor): spec for sensor, spec in specs.items()},
    )


def _fault(target: str, value: Any) -> FaultSpec:
    """Read ``silent`` or ``{kind: slow, rate_ratio: 0.3}``."""
    numbers = dict(value) if isinstance(value, dict) else {}
    kind = numbers.pop('kind', None) if numbers else value
    for fault in Fault:
        if kind == fault.value and _can_have(target, fault):
            return FaultSpec(fault, numbers)
    possible = [fault.value for fault in Fault if _can_have(target, fault)]
    raise ConfigError(
        f'the fault of {target} is {kind!r}: expected one of {", ".join(possible)}, or '
        '{kind: one of them, and its numbers}'
    )


def _can_have(target: str, fault: Fault) -> bool:
    if target == _RIG:
        return fault.is_of_rig
    return not fault.is_of_rig and Modality(target) in fault.applies_to


def _rates_hz(content: Any) -> dict[Modality, float]:
    entries = _mapping('rates_hz', content, [modality.value for modality in Modality])
    rates_hz = {Modality(m): _number(f'rates_hz of {m}', rate) for m, rate in entries.items()}
    for modality, rate_hz in rates_hz.items():
        if not 0.1 <= rate_hz <= 240.0:
            raise ConfigError(f'rates_hz of {modality} is {rate_hz:g}: expected 0.1 to 240')
    return rates_hz


def _ratio(name: str, value: Any) -> float:
    ratio = _number(name, value)
    if not 0.0 <= ratio < 1.0:
        raise ConfigError(f'{name} is {ratio:g}: expected at least 0 and less than 1')
    return ratio


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f'{name} is {value!r}: expected a number')
    return float(value)


def _mapping(name: str, value: Any, known: Iterable[str]) -> dict[str, Any]:
    names = ', '.join(known)
    if not isinstance(value, dict):
        raise ConfigError(f'{name} is {value!r}: expected entries out of {names}')
    unknown = [str(key) for key in value if key not in known]
    if unknown:
        raise ConfigError(f'{name} has the unknown entry {unknown[0]!r}: expected {names}')
    return value
