"""Compare what was played with what the node said about it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from benchmarks.fault_plan import Stretch
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.simulation.faults import Fault

NOT_BLAMED = frozenset({Reason.OK, Reason.RECOVERING, Reason.WAITING, Reason.DISABLED})
"""Reasons that accuse no sensor."""

_SILENT_AFTER = 3
"""Images lost in a row that make a silence: the node waits for four periods."""


@dataclass(frozen=True)
class Said:
    """A state message of the node: when it came, what runs, and the reason of each sensor."""

    arrival_ns: int
    active: ModalitySet
    reasons: Mapping[Modality, Reason]


@dataclass(frozen=True)
class Played:
    """A stretch as the rig played it.

    Attributes:
        start_ns, end_ns: stamps of its first image and of the next stretch's.
        arrival_ns: when the rig's word about it came, for rigs whose own clock jumps.
    """

    stretch: Stretch
    start_ns: int
    end_ns: int
    arrival_ns: int


@dataclass
class Heard:
    """Everything that was observed of one run, in order of arrival.

    Attributes:
        truths: stamps of all captures.
        masks: stamps of the masks; ``used`` has the sensors of each.
        baseline: stamps of the sets that the approximate synchroniser gave.
        images: stamps of the images of each sensor.
        rig: what the rig said at the end: frames, late, skipped.
    """

    played: list[Played] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    truths: list[int] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)
    used: dict[int, ModalitySet] = field(default_factory=dict)
    baseline: list[int] = field(default_factory=list)
    images: dict[Modality, list[int]] = field(default_factory=lambda: {m: [] for m in Modality})
    rig: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of one trial.

    Attributes:
        latency_ms: from the first missing or wrong image to the message with the right reason;
            None if that never came while the fault lasted, or none is due.
        first: the first accusation of the sensor; None without one.
        others: accusations of sensors that were well, and not only recovering, before.
        was_ready: whether the sensor was in use, without a complaint, when the fault began.
        lost_in_a_row: the most images of the sensor that did not come, one after the other.
    """

    fault: Fault
    modality: Modality | None
    latency_ms: float | None
    first: Reason | None
    others: tuple[str, ...]
    was_ready: bool
    lost_in_a_row: int = 0

    @property
    def is_right(self) -> bool:
        """Whether the right reason came first, or rightly none."""
        if self.fault.reason is Reason.OK:
            return self.first is None
        is_first = self.first is self.fault.reason or self.was_silent_first
        return self.latency_ms is not None and is_first

    @property
    def was_silent_first(self) -> bool:
        """Whether chance lost so many images in a row that SILENT was true, and it came first."""
        is_silence = self.lost_in_a_row >= _SILENT_AFTER
        return self.fault is Fault.LOSSY and self.first is Reason.SILENT and is_silence


def outcome(played: Played, heard: Heard, period_ns: int) -> Outcome:
    """Judge one trial by the messages of the whole run."""
    fault, modality = _tried(played.stretch)
    onset_ns = played.arrival_ns if modality is None else played.start_ns
    end_ns = onset_ns + round(played.stretch.duration_s * 1e9)
    before, during = _split(heard.said, onset_ns, end_ns)
    blamed = [(s.arrival_ns, m, s.reasons[m]) for s in during for m in _accused(s)]
    own = [(at, reason) for at, m, reason in blamed if modality in (None, m)]
    right = [at for at, reason in own if reason is fault.reason]
    well = [m for m in Modality if before and before.reasons[m] is Reason.OK]
    others = {f'{m}: {reason}' for _, m, reason in blamed if m in well and m is not modality}
    return Outcome(
        fault=fault,
        modality=modality,
        latency_ms=round((right[0] - onset_ns) * 1e-6, 1) if right else None,
        first=own[0][1] if own else None,
        others=tuple(sorted(others)) if modality is not None else (),
        was_ready=before is not None and _is_ready(before, modality),
        lost_in_a_row=_lost_in_a_row(played, heard.images.get(modality, []), period_ns),
    )


def _lost_in_a_row(played: Played, stamps: Iterable[int], period_ns: int) -> int:
    """Count the images missing in the longest gap between a sensor's images in a stretch."""
    during = sorted(s for s in stamps if played.start_ns - period_ns <= s < played.end_ns)
    gap_ns = max((after - at for at, after in pairwise(during)), default=0)
    return max(0, round(gap_ns / period_ns) - 1)


def _tried(stretch: Stretch) -> tuple[Fault, Modality | None]:
    if stretch.rig_fault is not None:
        return stretch.rig_fault, None
    [(modality, fault)] = stretch.faults.items()
    return fault, modality


def _accused(said: Said) -> ModalitySet:
    return ModalitySet(m for m, reason in said.reasons.items() if reason not in NOT_BLAMED)


def _is_ready(said: Said, modality: Modality | None) -> bool:
    """Tell whether a trial may begin; one of the clock may be felt before the rig tells of it."""
    return not _accused(said) if modality is None else said.reasons[modality] is Reason.OK


def _split(said: Sequence[Said], start_ns: int, end_ns: int) -> tuple[Said | None, list[Said]]:
    """Return the last message before a time and those within it."""
    earlier = [s for s in said if s.arrival_ns <= start_ns]
    within = [s for s in said if start_ns < s.arrival_ns <= end_ns]
    return (earlier[-1] if earlier else None), within


def alarms(played: Iterable[Played], said: Sequence[Said]) -> list[str]:
    """Return each accusation of a sensor that began in these stretches: all of them false."""
    found = []
    for stretch in played:
        before, during = _split(said, stretch.start_ns, stretch.end_ns)
        known = dict(before.reasons) if before else {}
        for message in during:
            for modality in _accused(message):
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
    labeled = [stamp for stamp in heard.masks if heard.used.get(stamp)]
    given = [sorted(stamps) for stamps in (heard.masks, labeled, heard.baseline)]
    for stretch in played:
        for stamp_ns in heard.truths:
            if stretch.start_ns <= stamp_ns < stretch.end_ns:
                captures += 1
                for index, stamps in enumerate(given):
                    served[index] += _has_near(stamps, stamp_ns, period_ns // 3)
    ours, named, theirs = (round(count / max(captures, 1), 4) for count in served)
    return Share(captures, ours, named, theirs)


def _has_near(ordered: Sequence[int], stamp_ns: int, reach_ns: int) -> bool:
    """Tell whether a stamp is among others; those of a skewed sensor are near, not equal."""
    at = bisect_left(ordered, stamp_ns - reach_ns)
    return at < len(ordered) and ordered[at] <= stamp_ns + reach_ns


def percentile(values: Iterable[float | None], percent: float) -> float | None:
    """Return the observed value at ``percent`` (the next higher one); None without any."""
    known = [value for value in values if value is not None]
    return round(float(np.percentile(known, percent, method='higher')), 1) if known else None
