# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Collect a record. It has no clock and no ROS: whoever listens says what came and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import sys
from typing import Any

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.images import Recent, RecentImages
from mm_robust_seg.observation.record import (
    Image,
    MaskRecord,
    PhaseRecord,
    RunRecord,
    Stamped,
    StateRecord,
    TOGETHER_NS,
)
from mm_robust_seg.scores.metrics import ConfusionMatrix

_KEPT = 64


class RunRecorder:
    """Collects observations and pairs them by stamp, whichever arrives first.

    Attributes:
        phases, captures, masks, states, frames, rig, problem: as in ``RunRecord``.
    """

    def __init__(self, classes: Sequence[SegmentationClass] = ()) -> None:
        self.phases: list[PhaseRecord] = []
        self.captures: list[Stamped] = []
        self.masks: list[MaskRecord] = []
        self.states: list[StateRecord] = []
        self.frames: dict[Modality, list[Stamped]] = {m: [] for m in Modality}
        self.rig: dict[str, int] = {}
        self.problem = ''
        self._classes = tuple(classes)
        self._images = RecentImages()
        self._places: dict[int, int] = {}
        self._to_score: Recent[int] = Recent(_KEPT)
        self._facts: Recent[tuple[int, dict[str, Any]]] = Recent(_KEPT)

    def image(self, modality: Modality, stamp_ns: int, image: Image) -> None:
        """Keep a camera image for a while, to choose samples from."""
        self._images.cameras[modality].keep(stamp_ns, image)

    def mask(
        self, mask: MaskRecord, labels: Image | None = None, truth_ns: int | None = None
    ) -> None:
        """Note a mask; ``truth_ns`` is the stamp of its truth, where that differs from its own."""
        told_ns, facts = self._facts.pop(mask.stamp_ns, (mask.arrival_ns, {}))
        if abs(told_ns - mask.arrival_ns) < TOGETHER_NS:
            mask = replace(mask, **facts)
        self._places[mask.stamp_ns] = len(self.masks)
        self.masks.append(mask)
        if labels is not None:
            stamp_ns = mask.stamp_ns if truth_ns is None else truth_ns
            self._images.masks.keep(stamp_ns, labels)
            self._to_score.keep(stamp_ns, len(self.masks) - 1)
            self._score(stamp_ns)

    def mask_facts(self, stamp_ns: int, arrival_ns: int, **facts: Any) -> None:
        """Note how the mask with this stamp was made: fields of ``MaskRecord``."""
        place = self._places.get(stamp_ns)
        if place is not None and abs(self.masks[place].arrival_ns - arrival_ns) < TOGETHER_NS:
            self.masks[place] = replace(self.masks[place], **facts)
        else:
            self._facts.keep(stamp_ns, (arrival_ns, facts))

    def truth(self, stamp_ns: int, labels: Image) -> None:
        """Note true labels, before or after the mask of their stamp."""
        self._images.truth.keep(stamp_ns, labels)
        self._score(stamp_ns)
        self._images.sample(stamp_ns, self.phases)

    def truth_at(self, stamp_ns: int) -> Image | None:
        """Return true labels that came lately."""
        return self._images.truth.get(stamp_ns)

    def record(self) -> RunRecord:
        """Return what was observed so far."""
        self._images.take(sys.maxsize)
        return RunRecord(
            classes=self._classes,
            phases=tuple(self.phases),
            captures=tuple(self.captures),
            masks=tuple(sorted(self.masks, key=lambda mask: mask.arrival_ns)),
            states=tuple(sorted(self.states, key=lambda state: state.arrival_ns)),
            frames={m: tuple(stamped) for m, stamped in self.frames.items()},
            samples=dict(self._images.samples),
            start_ns=self.phases[0].start_ns if self.phases else 0,
            end_ns=self.phases[-1].end_ns if self.phases else 0,
            rig=dict(self.rig),
            problem=self.problem,
        )

    def _score(self, stamp_ns: int) -> None:
        truth, mask = (some.get(stamp_ns) for some in (self._images.truth, self._images.masks))
        if self.problem or truth is None or mask is None or stamp_ns not in self._to_score:
            return
        confusion, place = ConfusionMatrix(len(self._classes)), self._to_score.pop(stamp_ns)
        try:
            confusion.add(mask, truth)
        except DataError as error:  # the truth is of other classes or size: no score means much
            self.problem = str(error)
            self.masks = [replace(one, confusion=None) for one in self.masks]
        else:
            self.masks[place] = replace(self.masks[place], confusion=confusion)
