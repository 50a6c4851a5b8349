"""Why a sensor is in its state, and what a check says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import enum


class Reason(enum.Enum):
    """Why a sensor is in its state; one code per state."""

    OK = 'OK'
    WAITING = 'WAITING'
    RECOVERING = 'RECOVERING'
    DISABLED = 'DISABLED'
    ABSENT = 'ABSENT'
    SILENT = 'SILENT'
    GONE = 'GONE'
    QOS = 'QOS'
    LOSSY = 'LOSSY'
    SLOW = 'SLOW'
    FROZEN = 'FROZEN'
    FFC = 'FFC'
    STAMP_STUCK = 'STAMP_STUCK'
    STALE = 'STALE'
    CLOCK = 'CLOCK'
    DARK = 'DARK'
    SATURATED = 'SATURATED'
    FLAT = 'FLAT'
    NO_RETURN = 'NO_RETURN'
    FORMAT = 'FORMAT'
    TRUNCATED = 'TRUNCATED'
    UNITS = 'UNITS'
    SKEW = 'SKEW'
    EXTRA = 'EXTRA'

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Finding:
    """What a check says about a sensor.

    Attributes:
        detail: one plain sentence with what was found and what was expected.
        evidence: the numbers behind it, by name with unit.
        fails: whether the sensor must not be used; if not, the finding is a warning, or OK.
    """

    reason: Reason
    detail: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    fails: bool = True
