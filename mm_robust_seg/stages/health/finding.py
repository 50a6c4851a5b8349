"""What a check finds, and what each reason means for the sensor.

The rules are the failure-mode table of the package: one line per reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mm_robust_seg.dataflow import Reason


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


@dataclass(frozen=True)
class Rule:
    """How a sensor leaves and re-enters use for one reason.

    Attributes:
        debounced: it takes ``hysteresis.fail_frames`` frames in a row; otherwise one is enough.
        owes_frames: it takes ``hysteresis.recover_frames`` good frames; otherwise one.
        owes_time: it takes ``hysteresis.recover_s`` of good frames as well.
    """

    debounced: bool
    owes_frames: bool = True
    owes_time: bool = False


RULES: Mapping[Reason, Rule] = {
    Reason.ABSENT: Rule(debounced=False),
    Reason.SILENT: Rule(debounced=False, owes_time=True),
    Reason.GONE: Rule(debounced=False, owes_time=True),
    Reason.QOS: Rule(debounced=False),
    Reason.FORMAT: Rule(debounced=False, owes_frames=False),
    Reason.TRUNCATED: Rule(debounced=False, owes_frames=False),
    Reason.CLOCK: Rule(debounced=True),
    Reason.STALE: Rule(debounced=True),
    Reason.STAMP_STUCK: Rule(debounced=True, owes_frames=False),
    Reason.DARK: Rule(debounced=True),
    Reason.SATURATED: Rule(debounced=True),
    Reason.FLAT: Rule(debounced=True),
    Reason.UNITS: Rule(debounced=True),
    Reason.NO_RETURN: Rule(debounced=True),
    Reason.FROZEN: Rule(debounced=False),
    Reason.SLOW: Rule(debounced=True),
}
"""The reasons that take a sensor out of use; FROZEN counts its frames itself."""
