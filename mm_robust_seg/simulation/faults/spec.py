# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A fault with its strength: the numbers that a scenario file may give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema import check_type, Spec, unknown
from mm_robust_seg.simulation.faults.vocabulary import Fault


class FaultParameter(NamedTuple):
    """How strong a fault is by default, what that means, and its range."""

    default: float
    spec: Spec


def _parameter(default: float, low: float, high: float, doc: str) -> FaultParameter:
    return FaultParameter(default, Spec(doc, low, high))


_SHARE = _parameter(0.5, 0.01, 1.0, 'share of the image that it hides')
_PATTERN = _parameter(0.0, 0.0, 1000.0, 'another number, other places')

PARAMETERS: Mapping[Fault, Mapping[str, FaultParameter]] = {
    Fault.FFC: {
        'closed_s': _parameter(1.5, 0.1, 10.0, 'how long the shutter stays closed'),
        'period_s': _parameter(5.0, 1.0, 600.0, 'time from one closing to the next'),
    },
    Fault.STALE: {'age_s': _parameter(1.0, 0.001, 3600.0, 'how old the stamps are')},
    Fault.FUTURE: {'lead_s': _parameter(0.5, 0.001, 3600.0, 'how far the stamps lie ahead')},
    Fault.SKEW: {'offset_s': _parameter(-0.06, -1.0, 1.0, 'added to every stamp')},
    Fault.SLOW: {'rate_ratio': _parameter(0.4, 0.01, 1.0, 'share of the frames that is sent')},
    Fault.LOSSY: {'loss_ratio': _parameter(0.2, 0.0, 1.0, 'share of the frames that is lost')},
    Fault.TRUNCATED: {'kept_ratio': _parameter(0.6, 0.0, 0.999, 'share of the bytes that comes')},
    Fault.WRONG_UNITS: {'gain': _parameter(0.1, 1e-4, 1e4, 'factor on the raw values')},
    Fault.COVER: {
        'share': _SHARE,
        'from_deg': _parameter(90.0, 0.0, 360.0, 'where from: 0 the top, 90 the right side'),
    },
    Fault.MUD: {'share': _SHARE, 'pattern': _PATTERN},
    Fault.DROPLETS: {'share': _SHARE, 'pattern': _PATTERN},
    Fault.BLUR: {
        'sigma_px': _parameter(4.0, 0.0, 40.0, 'of the Gaussian, in an image 320 px wide')
    },
    Fault.FOG: {'density': _parameter(0.8, 0.0, 0.98, 'share of the light that is the veil')},
    Fault.GLARE: {
        'share': _parameter(0.3, 0.01, 1.0, 'share of the image that is white'),
        'x': _parameter(0.5, 0.0, 1.0, 'of the sun, from the left'),
        'y': _parameter(0.2, 0.0, 1.0, 'of the sun, from the top'),
    },
    Fault.NOISE: {
        'sigma': _parameter(0.1, 0.0, 1.0, 'of the Gaussian noise, as a share of the range'),
        'impulses': _parameter(0.05, 0.0, 1.0, 'share of the pixels that are black or white'),
    },
    Fault.BANDING: {'sigma': _parameter(0.1, 0.0, 1.0, 'of the rows, as a share of the range')},
    Fault.GHOST: {
        'strength': _parameter(0.3, 0.0, 2.0, 'deviation of the pattern, as a share of the range'),
        'pattern': _PATTERN,
    },
    Fault.CLOCK_JUMP: {'by_s': _parameter(-5.0, -86400.0, 86400.0, 'how far the clock jumps')},
}
"""The numbers of the faults that have some.

The defaults are beyond the default limits of the health monitor. A camera that is slowed to less
than a quarter of its rate counts as silent. The range of RGB is that of its type, of a thermal
image what it shows but for two percent at either end.
"""


@dataclass(frozen=True)
class FaultSpec:
    """A fault and how strong it is.

    Attributes:
        kind: what goes wrong.
        values: its numbers, by name; those not given have their defaults.

    Raises:
        ConfigError: if a number is unknown to the fault, or outside its range.
    """

    kind: Fault
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = PARAMETERS.get(self.kind, {})
        for name, value in self.values.items():
            if name not in known:
                names = ', '.join(known) or 'none'
                raise ConfigError(f'{unknown(name, known)} of {self.kind} (known: {names})')
            check_type(f'{self.kind}.{name}', value, known[name].default)
            known[name].spec.check(f'{self.kind}.{name}', value)
        defaults = {name: item.default for name, item in known.items()}
        object.__setattr__(self, 'values', MappingProxyType({**defaults, **self.values}))
        if self.kind is Fault.FFC and self['closed_s'] >= self['period_s']:
            raise ConfigError(
                f'closed_s of ffc is {self["closed_s"]:g}, not less than period_s, '
                f'{self["period_s"]:g}: a shutter that never opens is the fault frozen'
            )

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def __str__(self) -> str:
        return str(self.kind)
