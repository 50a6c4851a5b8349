# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The simulated world as a data set."""

from __future__ import annotations

from pathlib import Path

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.datasets.image_folders import Part
from mm_robust_seg.datasets.stored import StoredSample, StoredSplit
from mm_robust_seg.simulation import CLASS_COLORS, CLASS_NAMES, MODALITIES, sample_captures


class Simulated(StoredSplit):
    """Captures of random worlds, places, hours and weathers; rendered once, kept in memory."""

    def __init__(self, count: int, seed: int, width_px: int, height_px: int) -> None:
        captures = sample_captures(count, seed, width_px, height_px)
        self._captures = {f'{seed}-{index:05d}': capture for index, capture in enumerate(captures)}
        super().__init__(
            list(self._captures),
            tuple(map(SegmentationClass, CLASS_NAMES, CLASS_COLORS)),
            MODALITIES,
            {},
            {'data': 'simulated street', 'split': f'{count} captures, seed {seed}'},
            'Apache-2.0 (data: simulated)',
        )

    def source(self, name: str, part: Part) -> Path:
        """Return a name for messages: no image comes from a file."""
        return Path('simulated') / name / str(part or 'labels')

    def read(self, name: str) -> StoredSample:
        """Return a capture."""
        capture = self._captures[name]
        return StoredSample({m: capture[m] for m in MODALITIES}, capture.labels)
