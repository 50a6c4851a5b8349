"""A scenario: a drive through the simulated world during which sensors fail and come back.

The file format, YAML::

    seed: 7                               # of the world, the rig and the faults
    conditions: {time_of_day_h: 18.2}     # fields of simulation.conditions.Conditions
    phases:                               # one after the other, from 0 s
      - {name: all sensors, duration_s: 5}
      - {name: thermal silent, duration_s: 6, faults: {thermal: silent}}
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
from mm_robust_seg.simulation.conditions import Conditions
from mm_robust_seg.simulation.faults import Fault

_ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Phase:
    """A stretch of time with the same faults."""

    name: str
    start_s: float
    duration_s: float
    faults: Mapping[Modality, Fault] = field(default_factory=dict)

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
    """The world to drive through and the phases of the drive, in order."""

    seed: int
    conditions: Conditions
    phases: tuple[Phase, ...]

    @property
    def duration_s(self) -> float:
        """Length of all phases together."""
        return self.phases[-1].end_s

    def phase_index(self, t_s: float) -> int:
        """Return the index of the phase at ``t_s``; the last one covers all later times."""
        for index, phase in enumerate(self.phases):
            if t_s < phase.end_s - _ROUNDING_S:
                return index
        return len(self.phases) - 1


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
    entries = _mapping('the scenario', content, ('seed', 'conditions', 'phases'))
    seed = entries.get('seed', 0)
    if type(seed) is not int or seed < 0:
        raise ConfigError(f'seed is {seed!r}: expected a whole number of at least 0')
    listed = entries.get('phases')
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f'phases is {listed!r}: expected a list of at least one phase')
    phases: list[Phase] = []
    for number, entry in enumerate(listed, start=1):
        phases.append(_phase(f'phase {number}', entry, phases[-1].end_s if phases else 0.0))
    return Scenario(seed, _conditions(entries.get('conditions')), tuple(phases))


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
    if not 0.0 < duration_s <= 3600.0:
        raise ConfigError(
            f'duration_s of {where} ({name}) is {duration_s:g}: expected more than 0 and at '
            'most 3600 seconds'
        )
    names = [modality.value for modality in Modality]
    faults = _mapping(f'faults of {where} ({name})', entries.get('faults') or {}, names)
    return Phase(
        name.strip(),
        start_s,
        duration_s,
        {Modality(sensor): _fault(sensor, value) for sensor, value in faults.items()},
    )


def _fault(sensor: str, value: Any) -> Fault:
    possible = [fault for fault in Fault if Modality(sensor) in fault.applies_to]
    for fault in possible:
        if value == fault.value:
            return fault
    raise ConfigError(
        f'the fault of {sensor} is {value!r}: expected one of {", ".join(map(str, possible))}'
    )


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
