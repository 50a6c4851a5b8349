"""The simulated world as a data set."""

from __future__ import annotations

import numpy as np

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation import CLASS_COLOURS, CLASS_NAMES, sample_captures


class Simulated:
    """Captures of random worlds, places, hours and weathers; rendered once, kept in memory."""

    classes = tuple(map(SegmentationClass, CLASS_NAMES, CLASS_COLOURS))
    licence = 'Apache-2.0 (data: simulated)'

    def __init__(self, count: int, seed: int, width_px: int, height_px: int) -> None:
        self._captures = list(sample_captures(count, seed, width_px, height_px))
        self.provenance = {'data': 'simulated street', 'split': f'{count} captures, seed {seed}'}

    def __len__(self) -> int:
        return len(self._captures)

    def __getitem__(self, index: int) -> Sample:
        capture = self._captures[index]
        images = {
            Modality.RGB: capture.rgb,
            Modality.THERMAL: capture.thermal.astype(np.float32) * np.float32(0.01),
            Modality.DEPTH: capture.depth.astype(np.float32) * np.float32(1e-3),
        }
        return Sample(f'{index:05d}', images, capture.labels)
