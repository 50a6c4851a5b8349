# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the node said about the faults that were played, and about sensors that had none."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.observation.episodes import BESIDE_NS, Episode, episodes
from mm_robust_seg.observation.record import MaskRecord, PhaseRecord, RunRecord, StateRecord
from mm_robust_seg.simulation.faults import Fault

T = TypeVar('T', StateRecord, MaskRecord)

WARNINGS = frozenset(
    {
        Reason.FFC,
        Reason.STILL,
        Reason.SURPLUS,
        Reason.LOSSY,
        Reason.SKEW,
        Reason.UNMATCHED,
    }
)
"""Reasons with which a sensor stays in use. SLOW may be one; all others take it out."""

SETTLE_S = 0.5
"""A jump of the clock flushes the buffers: for so long after it, no mask and no OK is due."""

_SILENT_AFTER = 3
"""Images lost in a row that make a silence: the node waits for four periods."""

_REPEATED_NS = 2_000_000_000
"""The node repeats its state every second: a message older than this proves nothing."""

_IN_HAND_NS = 200_000_000
"""A mask that was begun before a verdict comes no later than this after it."""


@dataclass(frozen=True)
class Outcome:
    """What the node said about one fault.

    Attributes:
        latency_ms: from the first missing or wrong image to the message with the right reason;
            None if that never came while the fault lasted, or none is due.
        first: the first reason that blames the sensor; None without one.
        reasons: all that it gave, in order, from the one that stood at the start.
        others: blame on sensors that were well, and not only recovering, before.
        was_ready: whether the sensor was in use, without a complaint, when the fault began; all
            sensors, for a fault of the clock.
        was_silent_first: whether chance lost so many images in a row that SILENT was true, and
            it came first.
        misuse: how the combination or the masks contradict the reason; empty if they do not.
    """

    episode: Episode
    latency_ms: float | None
    first: Reason | None
    reasons: tuple[Reason, ...]
    others: tuple[str, ...]
    was_ready: bool
    was_silent_first: bool
    misuse: str

    @property
    def wrong(self) -> str:
        """What was wrong; empty if the right reason came first, or rightly none, and counted."""
        due = self.episode.reason
        is_named = self.first is due or self.was_silent_first
        is_found = self.latency_ms is not None and is_named
        if not (self.first is None if due is Reason.OK else is_found):
            return str(self.first or 'nothing')
        return self.misuse

    @property
    def is_right(self) -> bool:
        """Whether nothing was wrong."""
        return not self.wrong

    @property
    def is_undetected(self) -> bool:
        """Whether a sensor is to blame and the reason never came."""
        return self.latency_ms is None and self.episode.reason is not Reason.OK


def outcomes(record: RunRecord) -> list[Outcome]:
    """Judge every fault that was played, by the messages of the whole run."""
    return [_outcome(episode, record) for episode in episodes(record.phases)]


def _outcome(episode: Episode, record: RunRecord) -> Outcome:
    fault, modality = episode.fault, episode.modality
    before, during = _split(record.states, episode.start_ns, episode.end_ns)
    blamed = [(state, m, state.reasons[m]) for state in during for m in state.blamed]
    own = [(state, reason) for state, m, reason in blamed if modality in (None, m)]
    right = [state.arrival_ns for state, reason in own if reason is episode.reason]
    said: list[Reason] = []
    if modality is None:
        others: set[str] = set()
        misuse = _stays_unwell(during, episode)
        was_ready = before is not None and not before.troubles
    else:
        faulty = _faulty(record.phases, episode)
        others = {
            f'{m}: {reason}'
            for _, m, reason in blamed
            if m not in faulty and before and before.reasons.get(m) is Reason.OK
        }
        misuse = _misuse(modality, fault, during, record.masks, episode.end_ns)
        was_ready = before is not None and before.is_well(modality)
        given = [state.reasons.get(modality) for state in (before, *during) if state]
        said = [reason for reason in dict.fromkeys(given) if reason]
    return Outcome(
        episode=episode,
        latency_ms=round((right[0] - episode.start_ns) * 1e-6, 1) if right else None,
        first=own[0][1] if own else None,
        reasons=tuple(said),
        others=tuple(sorted(others)),
        was_ready=was_ready,
        was_silent_first=bool(own) and _was_silent(*own[0], episode, record),
        misuse=misuse,
    )


def _split(
    states: Sequence[StateRecord], start_ns: int, end_ns: int
) -> tuple[StateRecord | None, Sequence[StateRecord]]:
    """Return the state that stands at a time, and those that come before another."""
    earlier = _between(states, start_ns - _REPEATED_NS - 1, start_ns)
    return (earlier[-1] if earlier else None), _between(states, start_ns, end_ns - 1)


def _between(items: Sequence[T], after_ns: int, until_ns: int) -> Sequence[T]:
    """Return what arrived after a time, and no later than another."""
    first, last = (
        bisect_right(items, time_ns, key=lambda item: item.arrival_ns)
        for time_ns in (after_ns, until_ns)
    )
    return items[first:last]


def _faulty(phases: Sequence[PhaseRecord], episode: Episode) -> ModalitySet:
    """Return the sensors that had a fault at some time of an episode."""
    return ModalitySet(
        modality
        for phase in phases
        if phase.start_ns < episode.end_ns and episode.start_ns < phase.end_ns
        for modality in phase.faults
    )


def _stays_unwell(during: Iterable[StateRecord], episode: Episode) -> str:
    """Say so if no state after a jump of the clock, once that is settled, is that all is well."""
    settled_ns = episode.start_ns + BESIDE_NS + round(SETTLE_S * 1e9)
    is_well = any(s.arrival_ns >= settled_ns and not s.troubles for s in during)
    return '' if is_well else 'not all OK again'


def _misuse(
    modality: Modality,
    fault: Fault,
    during: Sequence[StateRecord],
    masks: Sequence[MaskRecord],
    end_ns: int,
) -> str:
    """Say how the first blame on a sensor and what was done with it do not fit."""
    told = next((state for state in during if modality in state.blamed), None)
    if told is None:
        is_dropped = any(modality not in state.active for state in during)
        return 'out of use without a reason' if is_dropped else ''
    reason, is_in_use = told.reasons[modality], modality in told.active
    if reason in WARNINGS:
        return '' if is_in_use else f'{reason} but out of use'
    if reason is Reason.SLOW:
        return ''
    if is_in_use and not told.is_degraded:
        return f'{reason} but in use'
    late = _between(masks, told.arrival_ns + _IN_HAND_NS, end_ns)
    is_masked = any(
        modality in (mask.combination or ModalitySet()) - mask.degraded for mask in late
    )
    return f'{reason} but in a mask' if is_masked and reason is fault.reason else ''


def _was_silent(state: StateRecord, reason: Reason, episode: Episode, record: RunRecord) -> bool:
    """Tell whether SILENT is true of a lossy sensor: whether images were lost in a row until then.

    Nobody tells what chance withholds, so this is the listener's view. So that its own losses do
    not count, a capture counts only if the images of all other sensors came.
    """
    if episode.fault is not Fault.LOSSY or reason is not Reason.SILENT:
        return False
    until_ns = min(episode.end_ns, state.arrival_ns)
    came = {
        modality: {
            frame.stamp_ns
            for frame in frames
            if episode.start_ns <= record.time_ns(frame) < until_ns
        }
        for modality, frames in record.frames.items()
        if frames
    }
    others = [stamps for modality, stamps in came.items() if modality is not episode.modality]
    own = came.get(episode.modality, set()) if episode.modality else set()
    seen = sorted(set.intersection(*others)) if others else []
    runs = groupby(seen, key=lambda stamp_ns: stamp_ns in own)
    longest = max((len([*stamps]) for has_come, stamps in runs if not has_come), default=0)
    return longest >= _SILENT_AFTER


def false_alarms(phases: Iterable[PhaseRecord], states: Sequence[StateRecord]) -> Iterator[str]:
    """Yield each blame on a sensor in phases in which nothing was wrong.

    One that stands when a phase begins is one, too; so is a node that does not say then that all
    is well.
    """
    for phase in phases:
        before, during = _split(states, phase.start_ns, phase.end_ns)
        troubles = before.troubles if before else ['no state from the node']
        yield from (f'{trouble}, at the start' for trouble in troubles)
        known = dict(before.reasons) if before else {}
        for state in during:
            for modality in state.blamed:
                if known.get(modality) is not state.reasons[modality]:
                    at_s = (state.arrival_ns - phase.start_ns) * 1e-9
                    yield f'{modality}: {state.reasons[modality]} after {at_s:.1f} s'
            known = dict(state.reasons)
