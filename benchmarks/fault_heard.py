"""What was observed of a run of rig and node: the records that are judged afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.fault_plan import Stretch
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality, ModalitySet

NOT_BLAMED = frozenset({Reason.OK, Reason.RECOVERING, Reason.WAITING, Reason.DISABLED})
"""Reasons that accuse no sensor."""


@dataclass(frozen=True)
class Said:
    """A state message of the node: when it came, what runs, and the reason of each sensor."""

    arrival_ns: int
    active: ModalitySet
    reasons: Mapping[Modality, Reason]

    def is_well(self, modality: Modality) -> bool:
        """Tell whether a sensor is in use without a complaint."""
        return self.reasons.get(modality) is Reason.OK and modality in self.active

    @property
    def accused(self) -> ModalitySet:
        """The sensors that something is said against."""
        return ModalitySet(m for m, reason in self.reasons.items() if reason not in NOT_BLAMED)

    @property
    def troubles(self) -> list[str]:
        """What keeps enabled sensors from being well; so does a node that is not active."""
        enabled = [m for m, reason in self.reasons.items() if reason is not Reason.DISABLED]
        if not enabled:
            return ['no sensor watched']
        return [
            f'{m}: {self.reasons[m]}' + (', not in use' if m not in self.active else '')
            for m in enabled
            if not self.is_well(m)
        ]


class Stamped(NamedTuple):
    """The stamp of a message, and when it came."""

    stamp_ns: int
    arrival_ns: int


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
        truths: all captures.
        masks: the masks.
        used: the sensors of each mask, as the node tells them beside it.
        baseline: the sets that the approximate synchroniser gave.
        images: stamps of the images of each sensor.
        rig: what the rig said at the end: frames, late, skipped.
    """

    played: list[Played] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    truths: list[Stamped] = field(default_factory=list)
    masks: list[Stamped] = field(default_factory=list)
    used: dict[Stamped, ModalitySet] = field(default_factory=dict)
    baseline: list[Stamped] = field(default_factory=list)
    images: dict[Modality, list[int]] = field(default_factory=lambda: {m: [] for m in Modality})
    rig: dict[str, int] = field(default_factory=dict)
