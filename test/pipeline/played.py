# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Cameras of any rate and latency, and with any fault, in front of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import heapq
from itertools import groupby, pairwise

from cameras import raw, START_NS, TICK_NS

from mm_robust_seg.dataflow import HealthReport, RawImage, Reason, Segmentation
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.transport import LostMessages

MS = 1_000_000


def as_it_is(number: int, image: RawImage) -> RawImage | None:
    return image


@dataclass(frozen=True)
class Stream:
    """How one camera's messages come; ``sends`` says what comes in place of a good image.

    ``reported_lost`` messages are reported lost before each that comes.
    """

    rate_hz: float = 30.0
    latency_ms: float = 5.0
    phase_ms: float = 0.0
    reported_lost: int = 0
    sends: Callable[[int, RawImage], RawImage | None] = as_it_is


@dataclass
class Played:
    """What a pipeline made of streams: all masks, and the report after each of its steps."""

    masks: list[Segmentation] = field(default_factory=list)
    reports: list[HealthReport] = field(default_factory=list)

    def share_with(self, modality: Modality, from_s: float = 0.0) -> float:
        """Return the share of the masks from a time on that a sensor took part in."""
        masks = self.since(from_s)
        return sum(modality in mask.combination for mask in masks) / len(masks)

    def since(self, from_s: float) -> list[Segmentation]:
        return [mask for mask in self.masks if mask.stamp_ns >= START_NS + from_s * 1e9]

    @property
    def switches(self) -> int:
        """How often the network changed."""
        return sum(a.combination != b.combination for a, b in pairwise(self.masks))

    def reasons(self, modality: Modality, from_s: float = 0.0) -> list[Reason]:
        """Return the reasons that a sensor was given, each once per run of equal ones."""
        given = [
            report.sensors[modality].reason
            for report in self.reports
            if report.now_ns >= START_NS + from_s * 1e9
        ]
        return [reason for reason, _ in groupby(given)]

    def first_s(self, modality: Modality, reason: Reason, from_s: float = 0.0) -> float:
        """Return how long after a time a sensor was first given a reason."""
        from_ns = START_NS + from_s * 1e9
        return min(
            (report.now_ns - from_ns) * 1e-9
            for report in self.reports
            if report.now_ns >= from_ns and report.sensors[modality].reason is reason
        )

    def details(self, modality: Modality, reason: Reason) -> set[str]:
        """Return the sentences that came with a reason."""
        given = (report.sensors[modality] for report in self.reports)
        return {health.detail for health in given if health.reason is reason}


def play(pipeline: Pipeline, streams: Mapping[Modality, Stream], seconds: float) -> Played:
    """Step a pipeline at every arrival, deadline and tick."""
    arrivals: list[tuple[int, int, RawImage]] = []
    for modality, stream in streams.items():
        for number in range(int(seconds * stream.rate_hz)):
            stamp_ns = START_NS + round(number / stream.rate_hz * 1e9 + stream.phase_ms * MS)
            seed = number * len(Modality) + list(Modality).index(modality)
            image = stream.sends(number, raw(modality, stamp_ns, seed))
            if image is not None:
                arrival_ns = stamp_ns + round(stream.latency_ms * MS)
                arrivals.append((arrival_ns, len(arrivals), image))
    heapq.heapify(arrivals)
    played, now_ns = Played(), START_NS

    def step(at_ns: int) -> None:
        mask = pipeline.step(at_ns)
        if mask is not None:
            played.masks.append(mask)
        played.reports.append(pipeline.assess(at_ns))

    while arrivals:
        arrival_ns, _, image = heapq.heappop(arrivals)
        while True:
            deadline_ns = pipeline.next_deadline_ns
            due_ns = now_ns + TICK_NS
            if deadline_ns is not None and now_ns < deadline_ns < due_ns:
                due_ns = deadline_ns
            if due_ns >= arrival_ns:
                break
            now_ns = due_ns
            step(now_ns)
        now_ns = arrival_ns
        if lost := streams[image.modality].reported_lost:
            pipeline.note(LostMessages(image.modality, lost), now_ns)
        pipeline.offer(image, now_ns)
        step(now_ns)
    return played


def combinations_of(played: Played, from_s: float = 0.0) -> set[ModalitySet]:
    """Return the combinations that masks were made of."""
    return {mask.combination for mask in played.since(from_s)}
