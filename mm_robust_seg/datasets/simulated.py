"""The simulated world as a data set."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.datasets.units import Units
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.simulation import CLASS_COLORS, CLASS_NAMES, sample_captures

_UNITS = Units(thermal_scale_k=0.01, depth_scale_m=0.001)


class Simulated:
    """Captures of random worlds, places, hours and weathers; rendered once, kept in memory."""

    classes = tuple(map(SegmentationClass, CLASS_NAMES, CLASS_COLORS))
    modalities = COMPLETE
    licence = 'Apache-2.0 (data: simulated)'

    def __init__(self, count: int, seed: int, width_px: int, height_px: int) -> None:
        self._seed = seed
        self._captures = list(sample_captures(count, seed, width_px, height_px))
        self.provenance = {'data': 'simulated street', 'split': f'{count} captures, seed {seed}'}

    def __len__(self) -> int:
        return len(self._captures)

    def __getitem__(self, index: int) -> Sample:
        capture = self._captures[index]
        stored: dict[Modality, NDArray[Any]] = {
            Modality.RGB: capture.rgb,
            Modality.THERMAL: capture.thermal,
            Modality.DEPTH: capture.depth,
        }
        images = {m: _UNITS.image(m, image) for m, image in stored.items()}
        return Sample(f'{self._seed}-{index:05d}', images, capture.labels)
