# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The newest images of a run, and one sample of each phase for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Generic, TypeVar

from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.record import Image, PhaseRecord, Sample

_SAMPLE_AT = 0.7
_SETTLE_NS = 500_000_000
_KEPT_LABELS, _KEPT_IMAGES = 64, 24

T = TypeVar('T')


class Recent(dict[int, T], Generic[T]):
    """The newest items, by stamp.

    Args:
        limit: how many.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def keep(self, stamp_ns: int, item: T) -> None:
        """Add an item and forget the oldest."""
        self[stamp_ns] = item
        for old in list(islice(self, max(0, len(self) - self._limit))):
            del self[old]


class RecentImages:
    """What cameras, node and rig sent last.

    Attributes:
        truth, masks: class ids by stamp.
        samples: the images of one capture per phase, by the phase's index.
    """

    def __init__(self) -> None:
        self.truth: Recent[Image] = Recent(_KEPT_LABELS)
        self.masks: Recent[Image] = Recent(_KEPT_LABELS)
        self.cameras: dict[Modality, Recent[Image]] = {m: Recent(_KEPT_IMAGES) for m in Modality}
        self.samples: dict[int, Sample] = {}
        self._chosen_ns: dict[int, int] = {}

    def sample(self, stamp_ns: int, phases: Sequence[PhaseRecord]) -> None:
        """Choose the newest capture if one of its phase is due; take those chosen a while ago."""
        for index, phase in enumerate(phases):
            due_ns = phase.start_ns + int(_SAMPLE_AT * (phase.end_ns - phase.start_ns))
            if index not in self._chosen_ns and due_ns <= stamp_ns < phase.end_ns:
                self._chosen_ns[index] = stamp_ns
        self.take(stamp_ns - _SETTLE_NS)

    def take(self, until_ns: int) -> None:
        """Take the samples that were chosen until then; later their images are gone."""
        for index, stamp_ns in self._chosen_ns.items():
            if index in self.samples or stamp_ns > until_ns or stamp_ns not in self.truth:
                continue
            images = {m: some[stamp_ns] for m, some in self.cameras.items() if stamp_ns in some}
            truth, mask = self.truth[stamp_ns], self.masks.get(stamp_ns)
            self.samples[index] = Sample(stamp_ns, images, truth, mask)
