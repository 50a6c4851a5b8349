# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""MM5: aligned RGB, 16-bit thermal and depth of a table top, 31 classes and background.

Brenner, Reyes, Susnjak and Barczak, "MM5: Multimodal Image Dataset", Information Fusion 126
(2026) 103516. Kelvin = stored / 64 gives plausible temperatures; the authors state no unit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm_robust_seg.datasets.class_list import read_classes
from mm_robust_seg.datasets.image_folders import Part, read_image, read_names, require_files
from mm_robust_seg.datasets.stored import StoredSample, StoredSplit
from mm_robust_seg.modality import Modality, ModalitySet

RGB, THERMAL, DEPTH = MODALITIES = ModalitySet.parse('rgb+thermal+depth')
THERMAL_SCALE_K = 1 / 64
LAYOUT = (
    'the MM5 layout: rgb/ID.jpg, thermal/ID.png (uint16, kelvin x 64), depth/ID.png (uint16, mm), '
    'label/ID.png, classes.json, train.txt, val.txt'
)


class MM5(StoredSplit):
    """One split of MM5, about 3 MB a sample in memory."""

    def __init__(self, folder: Path, split: str) -> None:
        self._folder = folder
        classes = read_classes(folder / 'classes.json', LAYOUT)
        names = read_names(folder / f'{split}.txt', LAYOUT)
        provenance = {'data': 'MM5 (Brenner et al. 2026)', 'split': f'{split}, {len(names)}'}
        units = {'thermal_scale_k': THERMAL_SCALE_K}
        licence = 'CC BY-NC 4.0 (data: MM5)'
        super().__init__(names, classes, MODALITIES, units, provenance, licence)
        parts: tuple[Part, ...] = (*MODALITIES, None)
        require_files((self.source(name, part) for name in names for part in parts), LAYOUT)

    def source(self, name: str, part: Part) -> Path:
        """Return the file of an image."""
        kind, suffix = part.value if part else 'label', 'jpg' if part is RGB else 'png'
        return self._folder / kind / f'{name}.{suffix}'

    def read(self, name: str) -> StoredSample:
        """Read four files."""
        dtypes: dict[Modality, type[np.generic]] = {
            RGB: np.uint8,
            THERMAL: np.uint16,
            DEPTH: np.uint16,
        }
        images = {m: read_image(self.source(name, m), m, dtypes[m]) for m in MODALITIES}
        return StoredSample(images, read_image(self.source(name, None), None, np.uint8))
