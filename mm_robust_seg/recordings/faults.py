# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Let the sensors of a recorded bag fail by a scenario, in the bag's own time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from mm_robust_seg.modalities.sections import MAX_PIXELS
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.recordings.bag import BagImage, BagTruth
from mm_robust_seg.simulation.faults import Fault, FaultInjector
from mm_robust_seg.simulation.faults.pixels import raw_image
from mm_robust_seg.simulation.scenario import Phase, Scenario
from mm_robust_seg.stages.sensors.compressed import PREFIX, unpack
from mm_robust_seg.stages.sensors.malformed import MalformedError
from mm_robust_seg.transport import IncompatibleQos, PublisherCount, TransportNote

REFUSED_POLICY = 'RELIABILITY'
"""The QoS policy in which publisher and subscription disagree under ``qos_mismatch``."""


@dataclass(frozen=True)
class PhaseBegun:
    """A phase of the scenario begins.

    Attributes:
        jumped_ns: how far the clock is by then from where it would be without jumps.
    """

    time_ns: int
    phase: Phase
    jumped_ns: int


@dataclass(frozen=True)
class TransportEvent:
    """The middleware tells something besides the images."""

    time_ns: int
    note: TransportNote


@dataclass(frozen=True)
class WithheldImage:
    """A recorded image that did not come when it was due."""

    time_ns: int
    modality: Modality


BagItem = BagImage | BagTruth | PhaseBegun | TransportEvent | WithheldImage


class FaultyBag:
    """Plays a scenario on the stream of a bag; its last phase covers the rest of the bag.

    Args:
        scenario: its phases count from ``start_ns``.
        sensors: those that the bag holds.
        start_ns: bag time of the first image.
    """

    def __init__(self, scenario: Scenario, sensors: ModalitySet, start_ns: int) -> None:
        self._scenario, self._sensors, self._start_ns = scenario, sensors, start_ns
        self._injectors = {m: FaultInjector(m, scenario.seed) for m in sensors}
        self._begun, self._end_ns = -1, start_ns

    def play(self, items: Iterable[BagImage | BagTruth]) -> Iterator[BagItem]:
        """Yield the stream with its faults, in order of time but for jumps of the clock.

        Raises:
            DataError: if a fault cannot be applied to the images of the bag.
        """
        for modality in self._sensors:
            yield TransportEvent(self._start_ns, PublisherCount(modality, 1))
        for item in items:
            self._end_ns = item.time_ns
            due = self._scenario.phase_index((item.time_ns - self._start_ns) * 1e-9)
            while self._begun < due:
                self._begun += 1
                yield from self._begin(self._begun)
            yield from self._during(self._scenario.phases[self._begun], item)

    def notes(self) -> list[str]:
        """Say which faults of the scenario were not played, once all was."""
        notes = []
        missed = self._scenario.phases[self._begun + 1 :]
        if any(phase.faults or phase.rig_fault for phase in missed):
            names = ', '.join(repr(phase.name) for phase in missed)
            notes.append(
                f'the images end after {(self._end_ns - self._start_ns) * 1e-9:.2f} s, before '
                f'these phases of the scenario, from {missed[0].start_s:g} s on: {names}'
            )
        asked = ModalitySet(m for phase in self._scenario.phases for m in phase.faults)
        if absent := asked - self._sensors:
            notes.append(
                f'the scenario has faults of {", ".join(map(str, absent))}, of which the bag has '
                'no images'
            )
        return notes

    def _begin(self, number: int) -> Iterator[BagItem]:
        """Begin a phase, and tell what the middleware does then."""
        phases = self._scenario.phases
        phase, before = phases[number], phases[number - 1] if number else None
        jumped_ns = self._shift_ns(phase)
        time_ns = self._start_ns + round(phase.start_s * 1e9) + jumped_ns
        yield PhaseBegun(time_ns, phase, jumped_ns)
        for modality in self._sensors:
            was, now = _kind(before, modality), _kind(phase, modality)
            if Fault.GONE in (was, now) and was is not now:
                count = int(now is not Fault.GONE)
                yield TransportEvent(time_ns, PublisherCount(modality, count))
            if now is Fault.QOS_MISMATCH is not was:
                yield TransportEvent(time_ns, IncompatibleQos(modality, REFUSED_POLICY))

    def _during(self, phase: Phase, item: BagImage | BagTruth) -> Iterator[BagItem]:
        """Apply a phase to one recorded item."""
        shift_ns = self._shift_ns(phase)
        time_ns = item.time_ns + shift_ns
        if isinstance(item, BagTruth):
            yield replace(item, time_ns=time_ns, stamp_ns=item.stamp_ns + shift_ns)
            return
        modality = item.image.modality
        fault = phase.faults.get(modality)
        image = replace(item.image, stamp_ns=item.image.stamp_ns + shift_ns)
        if fault and fault.kind.needs_pixels and image.encoding.startswith(PREFIX):
            try:
                encoding, pixels = unpack(image, without_jpeg='', most_pixels=MAX_PIXELS)
            except MalformedError:  # it is damaged already
                yield BagImage(time_ns, image)
                return
            image = raw_image(image, pixels, encoding)
        sent = self._injectors[modality].inject(image, time_ns, fault)
        kind = _kind(phase, modality)
        if kind is Fault.QOS_MISMATCH or not (sent or kind is Fault.OUT_OF_ORDER):
            yield WithheldImage(time_ns, modality)
            return
        for send_ns, one in sent:
            yield BagImage(send_ns, one)

    def _shift_ns(self, phase: Phase) -> int:
        return round(self._scenario.shift_s(phase.start_s) * 1e9)


def _kind(phase: Phase | None, modality: Modality) -> Fault | None:
    fault = phase.faults.get(modality) if phase else None
    return fault.kind if fault else None
