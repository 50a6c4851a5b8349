# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""PST900: mines and caves, RGB, thermal and stereo depth, four objects and background.

Shivakumar, Rodrigues, Zhou, Miller, Kumar and Taylor, "PST900: RGB-Thermal Calibration, Dataset
and Segmentation Network", ICRA 2020. Layout and depth scale after the authors' repository,
https://github.com/ShreyasSkandanS/pst900_thermal_rgb; it divides depth by 2560 and names no unit,
taken as metres here. Thermal images have holes of value 0, which count as cold. The camera (FLIR
Boson 320) is not radiometric, so its 16-bit counts have no unit either: they are read in place of
the 8-bit images where a ``dataset.json`` beside ``train/`` gives them one (``description.py``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm_robust_seg.datasets.class_list import numbered_classes
from mm_robust_seg.datasets.description import read_description
from mm_robust_seg.datasets.image_folders import list_images, Part, read_image, require_files
from mm_robust_seg.datasets.stored import StoredSample, StoredSplit
from mm_robust_seg.datasets.units import PSEUDO_KELVIN, PSEUDO_KELVIN_NOTE
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality, ModalitySet

RGB, THERMAL, DEPTH = COMPLETE = ModalitySet.parse('rgb+thermal+depth')
RGB_THERMAL = ModalitySet.parse('rgb+thermal')
NAMES = ('background', 'fire extinguisher', 'backpack', 'hand drill', 'survivor')
LAYOUT = (
    'the PST900 layout: train/ and test/, each with rgb/, thermal/ (8 bit), labels/ and, if you '
    'want it, depth/ (16 bit), PNG files of the same names; thermal_raw/ (16 bit) in place of '
    'thermal/ if thermal_scale_k and thermal_offset_k are in dataset.json'
)
DEPTH_SCALE_M = 1 / 2560
_FOLDERS = {'train': 'train', 'val': 'test', 'test': 'test'}


class PST900(StoredSplit):
    """One split of PST900, about 6 MB a sample in memory; ``val`` is the published test split."""

    def __init__(self, folder: Path, split: str) -> None:
        if split not in _FOLDERS:
            raise DataError(f'PST900 has no split {split!r}: expected train, or val (its test)')
        self._folder = folder / _FOLDERS[split]
        labels = self._folder / 'labels'
        names = list(list_images(labels)) if labels.is_dir() else []
        if not names:
            raise DataError(f'{labels} has no images: expected {LAYOUT}')
        description = read_description(folder)
        self._raw = 'thermal_scale_k' in description.units
        usual = {'depth_scale_m': DEPTH_SCALE_M, **({} if self._raw else PSEUDO_KELVIN)}
        has_depth = (self._folder / 'depth').is_dir()
        super().__init__(
            names,
            numbered_classes(NAMES),
            COMPLETE if has_depth else RGB_THERMAL,
            {**usual, **description.units},
            {
                'data': 'PST900 (Shivakumar et al. 2020)',
                'split': f'{split} (published {_FOLDERS[split]}), {len(names)}',
                'thermal': 'unit stated by the user' if self._raw else PSEUDO_KELVIN_NOTE,
            },
            'no explicit licence; research with citation (data: PST900)',
        )
        parts: tuple[Part, ...] = (*self.modalities, None)
        require_files((self.source(name, part) for name in names for part in parts), LAYOUT)

    def source(self, name: str, part: Part) -> Path:
        """Return the file of an image."""
        kind = part.value if part else 'labels'
        if part is THERMAL and self._raw:
            kind = 'thermal_raw'
        return self._folder / kind / f'{name}.png'

    def read(self, name: str) -> StoredSample:
        """Read three or four files."""
        dtypes: dict[Modality, type[np.generic]] = {
            RGB: np.uint8,
            THERMAL: np.uint16 if self._raw else np.uint8,
            DEPTH: np.uint16,
        }
        images = {m: read_image(self.source(name, m), m, dtypes[m]) for m in self.modalities}
        return StoredSample(images, read_image(self.source(name, None), None, np.uint8))
