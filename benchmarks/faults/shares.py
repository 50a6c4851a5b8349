# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How many captures got a mask, and a set of the usual synchroniser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.faults.plan import COMPARE, TRIAL
from mm_robust_seg.observation.captures import answers, reference_frames, ReferenceFrame
from mm_robust_seg.observation.detection import SETTLE_S
from mm_robust_seg.observation.record import PhaseRecord, RunRecord, Stamped


@dataclass(frozen=True)
class Measured:
    """One run.

    Attributes:
        baseline: the sets that the approximate synchroniser gave of the same images.
    """

    record: RunRecord
    baseline: Sequence[Stamped] = ()


@dataclass(frozen=True)
class Share:
    """How many captures there were, and which shares of them were served.

    Attributes:
        answered: with a mask.
        availability: with a mask made from a sensor.
        baseline: with a set of the approximate synchroniser.
    """

    captures: int
    answered: float
    availability: float
    baseline: float


def shares(
    run: Measured, group_of: Callable[[ReferenceFrame, PhaseRecord], str | None]
) -> dict[str, Share]:
    """Return the shares by group; captures without one are left out."""
    record, groups = run.record, dict[str, list[tuple[bool, bool, bool]]]()
    sets = answers(record.captures, run.baseline)
    for frame, found in zip(reference_frames(record), sets, strict=True):
        group = None if frame.phase is None else group_of(frame, record.phases[frame.phase])
        if group is not None:
            is_labeled = bool(frame.mask and frame.mask.combination)
            row = (frame.mask is not None, is_labeled, found is not None)
            groups.setdefault(group, []).append(row)
    return {group: _share(rows) for group, rows in groups.items()}


def compared_shares(run: Measured) -> dict[str, Share]:
    """Return the shares while some sensors were silent, by those that were not."""
    return shares(run, lambda _, phase: str(phase.live) if phase.name == COMPARE else None)


def trial_shares(run: Measured) -> dict[str, Share]:
    """Return the shares during the trials of each fault of a sensor."""
    return shares(run, lambda _, phase: _fault(phase) if phase.name == TRIAL else None)


def clean_share(run: Measured) -> Share:
    """Return the shares while no sensor failed.

    The first phase, a start, does not count, nor does the time in which a jump of the clock
    settles.
    """

    def group_of(frame: ReferenceFrame, phase: PhaseRecord) -> str | None:
        settled_ns = phase.start_ns + round(SETTLE_S * 1e9) * (phase.rig_fault is not None)
        return 'clean' if frame.phase and frame.capture.stamp_ns >= settled_ns else None

    return shares(run, group_of).get('clean', Share(0, 0.0, 0.0, 0.0))


def _fault(phase: PhaseRecord) -> str | None:
    return next((str(fault) for fault in phase.faults.values()), None)


def _share(rows: Sequence[tuple[bool, bool, bool]]) -> Share:
    served = (round(sum(flags) / len(rows), 4) for flags in zip(*rows, strict=True))
    return Share(len(rows), *served)
