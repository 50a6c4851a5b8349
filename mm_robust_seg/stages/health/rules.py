# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What each reason means for the sensor.

The rules are the failure-mode table of the package: one line per reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mm_robust_seg.dataflow import Reason


@dataclass(frozen=True)
class Rule:
    """How a sensor enters and leaves the state of one reason.

    Attributes:
        debounced: it takes ``hysteresis.fail_frames`` frames in a row, or most of the last ones;
            otherwise one is enough.
        needs_frames: it takes ``hysteresis.recover_frames`` good frames (after a warning: frames
            without it) to leave; otherwise one.
        needs_time: it takes ``hysteresis.recover_s`` of good frames as well.
    """

    debounced: bool
    needs_frames: bool = True
    needs_time: bool = False


RULES: Mapping[Reason, Rule] = {
    Reason.ABSENT: Rule(debounced=False),
    Reason.SILENT: Rule(debounced=False, needs_time=True),
    Reason.GONE: Rule(debounced=False, needs_time=True),
    Reason.QOS: Rule(debounced=False),
    Reason.FORMAT: Rule(debounced=True, needs_frames=False),
    Reason.TRUNCATED: Rule(debounced=True, needs_frames=False),
    Reason.CLOCK: Rule(debounced=True),
    Reason.STAMP_STUCK: Rule(debounced=True, needs_frames=False),
    Reason.STALE: Rule(debounced=True),
    Reason.DARK: Rule(debounced=True),
    Reason.SATURATED: Rule(debounced=True),
    Reason.FLAT: Rule(debounced=True),
    Reason.UNITS: Rule(debounced=True),
    Reason.NO_RETURN: Rule(debounced=True),
    Reason.OBSTRUCTED: Rule(debounced=True),
    Reason.GLARE: Rule(debounced=True),
    Reason.BLURRED: Rule(debounced=True),
    Reason.NOISY: Rule(debounced=True),
    Reason.GHOST: Rule(debounced=True),
    Reason.FROZEN: Rule(debounced=False),
    Reason.FFC: Rule(debounced=False, needs_frames=False),
    Reason.STILL: Rule(debounced=False, needs_frames=False),
    Reason.SURPLUS: Rule(debounced=True),
    Reason.LOSSY: Rule(debounced=False),
    Reason.SLOW: Rule(debounced=True),
    Reason.SKEW: Rule(debounced=True),
    Reason.UNMATCHED: Rule(debounced=True),
    Reason.EXTRA: Rule(debounced=True),
}
"""Everything but OK that a check may find; FROZEN, FFC, STILL and LOSSY count their frames
themselves.

FFC, STILL, SURPLUS, LOSSY, SKEW, UNMATCHED, damage of a small part and a rate that is merely low
are warnings. Of these, the earlier one here is shown.
"""
