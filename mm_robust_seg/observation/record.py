# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One record of a run: what was played, what came, and what the node said.

Demo, replay, fault benchmark and soak all make it, through ``recorder.RunRecorder``; ``score``
turns it into figures. Stamps are on the sensors' clock, arrivals on the listener's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.finding import READABLE, Reason
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.simulation import MODALITIES
from mm_robust_seg.simulation.faults import Fault

Image: TypeAlias = NDArray[Any]

TOGETHER_NS = 1_000_000_000
"""What belongs to one capture arrives within this time; when a clock jumps, stamps come again."""

NOT_BLAMED = frozenset({Reason.OK, Reason.RECOVERING, Reason.WAITING, Reason.DISABLED})
"""Reasons that blame no sensor."""


class Stamped(NamedTuple):
    """The stamp of a message, and when it arrived."""

    stamp_ns: int
    arrival_ns: int


@dataclass(frozen=True)
class PhaseRecord:
    """A phase as it was played.

    Attributes:
        start_ns, end_ns: stamps of its first capture and of the next phase's.
        arrival_ns: when it began on the listener's clock; the stamps come again if theirs jumps.
        rig_fault: what happened to the common clock when it began.
        sensors: those that take part; usually the simulated ones.
    """

    name: str
    start_ns: int
    end_ns: int
    arrival_ns: int
    faults: Mapping[Modality, Fault] = field(default_factory=dict)
    rig_fault: Fault | None = None
    sensors: ModalitySet = MODALITIES

    @property
    def live(self) -> ModalitySet:
        """The sensors that truly worked."""
        return self.sensors - ModalitySet(self.faults)


@dataclass(frozen=True)
class MaskRecord:
    """One mask.

    Attributes:
        combination: the sensors it was made from; None if not known.
        degraded: those of them that were used for want of better ones.
        reference: the sensor whose image it belongs to.
        confusion: the mask against the truth; None without truth.
        ages_s: how long before the moment of the mask the image of each sensor was taken.
    """

    stamp_ns: int
    arrival_ns: int
    combination: ModalitySet | None = None
    reference: Modality | None = None
    inference_s: float | None = None
    wait_s: float | None = None
    skew_s: float | None = None
    confusion: ConfusionMatrix | None = None
    degraded: ModalitySet = field(default_factory=ModalitySet)
    ages_s: Mapping[Modality, float] = field(default_factory=dict)

    @property
    def latency_ms(self) -> float:
        """Time from the stamp of the reference image to the arrival of the mask."""
        return (self.arrival_ns - self.stamp_ns) * 1e-6


@dataclass(frozen=True)
class StateRecord:
    """What the node said about its sensors.

    Attributes:
        active: the combination that masks are made from.
        details: one sentence for each sensor, if known.
    """

    arrival_ns: int
    active: ModalitySet
    reasons: Mapping[Modality, Reason]
    details: Mapping[Modality, str] = field(default_factory=dict)

    @property
    def is_degraded(self) -> bool:
        """Whether masks are made, for want of better, from sensors that are out of use."""
        return bool(self.active) and all(self.reasons.get(m) in READABLE for m in self.active)

    def is_well(self, modality: Modality) -> bool:
        """Tell whether a sensor is in use without a complaint."""
        return self.reasons.get(modality) is Reason.OK and modality in self.active

    @property
    def blamed(self) -> ModalitySet:
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

    @property
    def caption(self) -> str:
        """What is said about sensors that are not OK, in one line."""
        quiet = (Reason.OK, Reason.DISABLED)
        return ', '.join(f'{m}: {r}' for m, r in self.reasons.items() if r not in quiet)


@dataclass(frozen=True)
class Sample:
    """The images of one capture: rgb8, 0.01 K, mm, class ids; missing ones never came."""

    stamp_ns: int
    images: Mapping[Modality, Image]
    truth: Image
    mask: Image | None


@dataclass(frozen=True)
class RunRecord:
    """Everything that was observed of one run, in order of arrival.

    Attributes:
        captures: the moments at which a mask was due: those of the rig, or of a recording's
            reference frames.
        frames: the images of each sensor.
        samples: one per phase, by the phase's index.
        start_ns, end_ns: of the run.
        has_one_clock: whether stamps and arrivals are of one clock; those of a recording may not.
        rig: what the rig told at the end: frames, late and skipped ones.
        problem: why no mask was scored, although there is truth; empty otherwise.
    """

    classes: Sequence[SegmentationClass] = ()
    phases: Sequence[PhaseRecord] = ()
    captures: Sequence[Stamped] = ()
    masks: Sequence[MaskRecord] = ()
    states: Sequence[StateRecord] = ()
    frames: Mapping[Modality, Sequence[Stamped]] = field(default_factory=dict)
    samples: Mapping[int, Sample] = field(default_factory=dict)
    start_ns: int = 0
    end_ns: int = 0
    has_one_clock: bool = True
    rig: Mapping[str, int] = field(default_factory=dict)
    problem: str = ''

    def time_ns(self, item: Stamped | MaskRecord) -> int:
        """Return when something was, on the clock of phases and states."""
        return item.stamp_ns if self.has_one_clock else item.arrival_ns

    def time_s(self, time_ns: int) -> float:
        """Return a time in seconds since the start of the run."""
        return round((time_ns - self.start_ns) * 1e-9, 3)
