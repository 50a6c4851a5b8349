# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How the node changed from one combination of sensors to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
import sys
from typing import Any

from mm_robust_seg.observation.captures import ReferenceFrame
from mm_robust_seg.observation.record import MaskRecord, RunRecord, StateRecord

_WINDOW_NS = 500_000_000


def switches(record: RunRecord) -> list[dict[str, Any]]:
    """Return each change of the combination that masks were made from, and why it was made."""
    return [
        {
            'time_s': record.time_s(new.arrival_ns),
            'from': str(old.combination),
            'to': str(new.combination),
            'reasons': ', '.join(s.caption for s in _state_at(record, new.arrival_ns)),
        }
        for old, new in _changed_masks(record)
    ]


def _state_at(record: RunRecord, time_ns: int) -> Iterable[StateRecord]:
    """Return the state that stood at a time, if there was one."""
    return islice((s for s in reversed(record.states) if s.arrival_ns <= time_ns), 1)


def frames_lost(record: RunRecord, due: Sequence[ReferenceFrame]) -> int:
    """Count the reference frames without a mask near a change of combination."""
    changes_ns = [state.arrival_ns for state in _changed_states(record)]
    changes_ns += [record.time_ns(new) for _, new in _changed_masks(record)]
    return sum(
        any(
            abs(record.time_ns(frame.capture) - change_ns) <= _WINDOW_NS
            for change_ns in changes_ns
        )
        for frame in due
        if frame.mask is None
    )


def switches_ms(record: RunRecord) -> Iterator[float]:
    """Yield, for each new combination that made a mask, the time from the state to the first."""
    for state, end_ns in _reigns(record):
        arrivals_ns = [
            mask.arrival_ns
            for mask in record.masks
            if mask.combination == state.active and state.arrival_ns <= mask.arrival_ns < end_ns
        ]
        if state.active and arrivals_ns:
            yield (min(arrivals_ns) - state.arrival_ns) * 1e-6


def switch_captures(record: RunRecord, frames: Sequence[ReferenceFrame]) -> Iterator[int]:
    """Yield, for each new combination, which capture after the state it served first."""
    for state, end_ns in _reigns(record):
        later = [f for f in frames if state.arrival_ns <= record.time_ns(f.capture) < end_ns]
        served = [
            number
            for number, frame in enumerate(later, 1)
            if frame.mask is not None and frame.mask.combination == state.active
        ]
        if state.active and served:
            yield served[0]


def _reigns(record: RunRecord) -> Iterator[tuple[StateRecord, int]]:
    """Yield each state with a new combination, and when the next one came."""
    changes = list(_changed_states(record))
    ends_ns = [state.arrival_ns for state in changes[1:]] + [sys.maxsize]
    return zip(changes, ends_ns, strict=False)


def _changed_states(record: RunRecord) -> Iterator[StateRecord]:
    return (new for old, new in pairwise(record.states) if old.active != new.active)


def _changed_masks(record: RunRecord) -> Iterator[tuple[MaskRecord, MaskRecord]]:
    known = (mask for mask in record.masks if mask.combination is not None)
    return (pair for pair in pairwise(known) if pair[0].combination != pair[1].combination)
