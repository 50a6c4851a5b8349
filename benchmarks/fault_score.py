"""Compare what was played with what the node said about it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from benchmarks.fault_heard import Heard, Played, Said, Stamped
from benchmarks.fault_plan import Stretch
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.simulation.faults import Fault

WARNINGS = frozenset({Reason.FFC, Reason.LOSSY, Reason.SKEW})
"""Reasons with which a sensor stays in use. SLOW may be one; all others take it out."""

SETTLE_S = 0.5
"""A jump of the clock flushes the buffers: for so long after it, no mask and no word is due."""

_SILENT_AFTER = 3
"""Images lost in a row that make a silence: the node waits for four periods."""

_TOLD_NS = 2_000_000_000
"""The node tells its state every second: what it said longer ago proves nothing."""

_TOGETHER_NS = 1_000_000_000
"""A mask and its capture arrive within this time; when a clock jumps, stamps come again later."""

_IN_HAND_NS = 200_000_000
"""A mask that was begun before a verdict comes no later than this after it."""

_BESIDE_NS = 100_000_000
"""The rig's word of a stretch, and what it is about, arrive within this time of each other."""


@dataclass(frozen=True)
class Outcome:
    """What became of one trial.

    Attributes:
        latency_ms: from the first missing or wrong image to the message with the right reason;
            None if that never came while the fault lasted, or none is due.
        first: the first accusation of the sensor; None without one.
        others: accusations of sensors that were well, and not only recovering, before.
        was_ready: whether the sensor was in use, without a complaint, when the fault began; all
            sensors, for a fault of the clock.
        was_silent_first: whether chance lost so many images in a row that SILENT was true, and
            it came first.
        misuse: how the combination or the masks contradict the reason; empty if they do not.
    """

    fault: Fault
    modality: Modality | None
    latency_ms: float | None
    first: Reason | None
    others: tuple[str, ...]
    was_ready: bool
    was_silent_first: bool
    misuse: str

    @property
    def wrong(self) -> str:
        """What was wrong; empty if the right reason came first, or rightly none, and counted."""
        is_named = self.first is self.fault.reason or self.was_silent_first
        is_found = self.latency_ms is not None and is_named
        if not (self.first is None if self.fault.reason is Reason.OK else is_found):
            return str(self.first or 'nothing')
        return self.misuse

    @property
    def is_right(self) -> bool:
        """Whether nothing was wrong."""
        return not self.wrong


def outcome(played: Played, heard: Heard) -> Outcome:
    """Judge one trial by the messages of the whole run."""
    fault, modality = _tried(played.stretch)
    begin_ns, end_ns = _span(played, heard.played)
    before, during = _split(heard.said, begin_ns, end_ns)
    blamed = [(said, m, said.reasons[m]) for said in during for m in said.accused]
    own = [(said, m, reason) for said, m, reason in blamed if modality in (None, m)]
    is_silent = fault is Fault.LOSSY and bool(own) and _was_silent(*own[0], played, heard)
    right = [said.arrival_ns for said, _, reason in own if reason is fault.reason]
    others = {
        f'{m}: {reason}'
        for _, m, reason in blamed
        if m is not modality and before and before.reasons.get(m) is Reason.OK
    }
    if modality is None:
        misuse = _stays_unwell(during, played.arrival_ns)
        was_ready = before is not None and not before.troubles
    else:
        misuse = _misuse(modality, fault, during, heard.used, end_ns)
        was_ready = before is not None and before.is_well(modality)
    return Outcome(
        fault=fault,
        modality=modality,
        latency_ms=round((right[0] - begin_ns) * 1e-6, 1) if right else None,
        first=own[0][2] if own else None,
        others=tuple(sorted(others)) if modality is not None else (),
        was_ready=was_ready,
        was_silent_first=is_silent,
        misuse=misuse,
    )


def _tried(stretch: Stretch) -> tuple[Fault, Modality | None]:
    if stretch.rig_fault is not None:
        return stretch.rig_fault, None
    [(modality, fault)] = stretch.faults.items()
    return fault, modality


def _span(played: Played, run: Sequence[Played]) -> tuple[int, int]:
    """Return the time in which a trial is judged: while it lasts, by its stamps.

    One of the clock makes stamps repeat: it is judged by arrival, until the next such trial.
    """
    if played.stretch.rig_fault is None:
        return played.start_ns, played.start_ns + round(played.stretch.duration_s * 1e9)
    at_ns = played.arrival_ns
    later = [p.arrival_ns for p in run if p.stretch.rig_fault and p.arrival_ns > at_ns]
    over_ns = run[-1].arrival_ns + round(run[-1].stretch.duration_s * 1e9)
    return at_ns - _BESIDE_NS, min([over_ns, *later]) - _BESIDE_NS


def _split(said: Sequence[Said], start_ns: int, end_ns: int) -> tuple[Said | None, list[Said]]:
    """Return the word that holds at a time, and those that come until another."""
    earlier = [s for s in said if start_ns - _TOLD_NS <= s.arrival_ns <= start_ns]
    within = [s for s in said if start_ns < s.arrival_ns <= end_ns]
    return (earlier[-1] if earlier else None), within


def _stays_unwell(during: Iterable[Said], jumped_ns: int) -> str:
    """Say so if no word after a jump of the clock, once that is settled, is that all is well."""
    settled_ns = jumped_ns + round(SETTLE_S * 1e9)
    is_well = any(s.arrival_ns >= settled_ns and not s.troubles for s in during)
    return '' if is_well else 'not all OK again'


def _misuse(
    modality: Modality,
    fault: Fault,
    during: Sequence[Said],
    used: Mapping[Stamped, ModalitySet],
    end_ns: int,
) -> str:
    """Say how the first accusation of a sensor and what was done with it do not fit."""
    told = next((said for said in during if modality in said.accused), None)
    if told is None:
        is_dropped = any(modality not in said.active for said in during)
        return 'out of use without a reason' if is_dropped else ''
    reason, is_in_use = told.reasons[modality], modality in told.active
    if reason in WARNINGS:
        return '' if is_in_use else f'{reason} but out of use'
    if reason is Reason.SLOW:
        return ''
    if is_in_use:
        return f'{reason} but in use'
    late_ns = told.arrival_ns + _IN_HAND_NS
    is_masked = any(modality in used[at] for at in used if late_ns < at.arrival_ns <= end_ns)
    return f'{reason} but in a mask' if is_masked and reason is fault.reason else ''


def _was_silent(
    said: Said, modality: Modality, reason: Reason, played: Played, heard: Heard
) -> bool:
    """Tell whether SILENT is true: whether images were lost in a row until then.

    The rig does not tell what it withholds, so this is the observer's view. So that its own
    losses do not count, a capture counts only if the images of all other sensors came.
    """
    until_ns = min(played.end_ns, said.arrival_ns)
    came = {
        m: {stamp_ns for stamp_ns in stamps if played.start_ns <= stamp_ns < until_ns}
        for m, stamps in heard.images.items()
    }
    listened = set.intersection(*(stamps for m, stamps in came.items() if m is not modality))
    runs = groupby(sorted(listened), key=lambda stamp_ns: stamp_ns in came[modality])
    longest = max((len([*stamps]) for has_come, stamps in runs if not has_come), default=0)
    return reason is Reason.SILENT and longest >= _SILENT_AFTER


def alarms(played: Iterable[Played], said: Sequence[Said]) -> list[str]:
    """Return each accusation of a sensor in these stretches, all of them false.

    One that stands when a stretch begins is one, too; so is a node that does not say then that
    all is well.
    """
    found = []
    for stretch in played:
        before, during = _split(said, stretch.start_ns, stretch.end_ns)
        troubles = before.troubles if before else ['no word of the node']
        found += [f'{trouble}, at the start' for trouble in troubles]
        known = dict(before.reasons) if before else {}
        for message in during:
            for modality in message.accused:
                if known.get(modality) is not message.reasons[modality]:
                    at_s = (message.arrival_ns - stretch.start_ns) * 1e-9
                    found.append(f'{modality}: {message.reasons[modality]} after {at_s:.1f} s')
            known = dict(message.reasons)
    return found


@dataclass(frozen=True)
class Share:
    """How many of the captures of some stretches were served, 0 to 1."""

    captures: int
    masks: float
    labeled: float
    baseline: float


def shares(played: Iterable[Played], heard: Heard, period_ns: int) -> Share:
    """Count the captures with a mask, with one made from a sensor, and with a baseline's set."""
    served = [0, 0, 0]
    captures = 0
    made = [at for at, sensors in heard.used.items() if sensors]
    given = [sorted(some) for some in (heard.masks, made, heard.baseline)]
    for stretch in played:
        for capture in heard.truths:
            if _is_of(stretch, capture):
                captures += 1
                has_mask, is_made, has_set = (
                    _has_near(some, capture, period_ns // 3) for some in given
                )
                for index, is_served in enumerate((has_mask, has_mask and is_made, has_set)):
                    served[index] += is_served
    ours, named, theirs = (round(count / max(captures, 1), 4) for count in served)
    return Share(captures, ours, named, theirs)


def _is_of(played: Played, capture: Stamped) -> bool:
    """Tell whether a capture was taken in a stretch, and not when its stamp came again."""
    age_ns = capture.arrival_ns - played.arrival_ns
    lasted_ns = round(played.stretch.duration_s * 1e9)
    is_then = -_BESIDE_NS < age_ns < lasted_ns + _BESIDE_NS
    return is_then and played.start_ns <= capture.stamp_ns < played.end_ns


def _has_near(ordered: Sequence[Stamped], capture: Stamped, reach_ns: int) -> bool:
    """Tell whether one of others answers a capture; stamps of a skewed sensor are near to it."""
    first = bisect_left(ordered, capture.stamp_ns - reach_ns, key=lambda at: at.stamp_ns)
    end = bisect_right(ordered, capture.stamp_ns + reach_ns, key=lambda at: at.stamp_ns)
    return any(abs(at.arrival_ns - capture.arrival_ns) < _TOGETHER_NS for at in ordered[first:end])


def percentile(values: Iterable[float | None], percent: float) -> float | None:
    """Return the observed value at ``percent`` (the next higher one); None without any."""
    known = [value for value in values if value is not None]
    return round(float(np.percentile(known, percent, method='higher')), 1) if known else None
