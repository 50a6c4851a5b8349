# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The faults of a run, each from its beginning to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm_robust_seg.finding import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.record import PhaseRecord
from mm_robust_seg.simulation.faults import Fault

BESIDE_NS = 100_000_000
"""The rig's word of a phase, and what it is about, arrive within this time of each other."""


@dataclass(frozen=True)
class Episode:
    """One fault, from the phase that begins it for as long as following phases have it too.

    Attributes:
        phase: name of the first phase.
        modality: the sensor; None for a fault of the common clock.
        start_ns, end_ns: times on the clock of the state messages.
        is_at_rest: whether the images of all sensors stand still from the same moment on.
    """

    phase: str
    fault: Fault
    modality: Modality | None
    start_ns: int
    end_ns: int
    is_at_rest: bool = False

    @property
    def reason(self) -> Reason:
        """What the monitor is expected to say; OK if no sensor is to blame."""
        return Reason.STILL if self.is_at_rest else self.fault.reason

    def __str__(self) -> str:
        return f'{self.fault} of {self.modality or "the clock"}'


def episodes(phases: Sequence[PhaseRecord]) -> list[Episode]:
    """Return every fault that was played, in the order in which they began."""
    found: list[Episode] = []
    for index, phase in enumerate(phases):
        if phase.rig_fault:
            found.append(Episode(phase.name, phase.rig_fault, None, *_clock_span(phases, index)))
        before = phases[index - 1].faults if index else {}
        for modality, fault in phase.faults.items():
            if before.get(modality) is not fault:
                end_ns = _end_ns(phases[index:], modality, fault)
                is_at_rest = not before and _stand_still(phase)
                span_ns = (phase.start_ns, end_ns)
                found.append(Episode(phase.name, fault, modality, *span_ns, is_at_rest))
    return found


def _stand_still(phase: PhaseRecord) -> bool:
    return all(phase.faults.get(modality) is Fault.FROZEN for modality in phase.sensors)


def _end_ns(phases: Sequence[PhaseRecord], modality: Modality, fault: Fault) -> int:
    end_ns = phases[0].end_ns
    for phase in phases:
        if phase.faults.get(modality) is not fault:
            break
        end_ns = phase.end_ns
    return end_ns


def _clock_span(phases: Sequence[PhaseRecord], index: int) -> tuple[int, int]:
    """Return the time of a fault of the clock: until the next such one, by arrival.

    Such a fault makes stamps come again.
    """
    later = [phase.arrival_ns for phase in phases[index + 1 :] if phase.rig_fault]
    over_ns = phases[-1].arrival_ns + phases[-1].end_ns - phases[-1].start_ns
    return phases[index].arrival_ns - BESIDE_NS, min([over_ns, *later]) - BESIDE_NS
