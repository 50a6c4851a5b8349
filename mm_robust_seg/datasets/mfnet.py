# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""MFNet: road scenes by day and night, RGB and 8-bit thermal, 9 classes.

Ha, Watanabe, Karasawa, Ushiku and Harada, "MFNet: Towards Real-Time Semantic Segmentation for
Autonomous Vehicles with Multi-Spectral Scenes", IROS 2017. An image is one PNG of four channels,
the fourth thermal. Class 0, "unlabeled", is everything else; results are reported with it.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mm_robust_seg.datasets.class_list import numbered_classes
from mm_robust_seg.datasets.image_folders import (
    Part,
    read_channels,
    read_image,
    read_names,
    require_files,
)
from mm_robust_seg.datasets.stored import StoredSample, StoredSplit
from mm_robust_seg.datasets.units import PSEUDO_KELVIN, PSEUDO_KELVIN_NOTE
from mm_robust_seg.modality import ModalitySet

RGB, THERMAL = MODALITIES = ModalitySet.parse('rgb+thermal')
NAMES = (
    'unlabeled',
    'car',
    'person',
    'bike',
    'curve',
    'car stop',
    'guardrail',
    'color cone',
    'bump',
)
LAYOUT = (
    'the MFNet layout: images/NNNNND.png or NNNNNN.png (RGB and 8-bit thermal in four channels), '
    'labels/ of the same names, train.txt, val.txt, test.txt'
)


class MFNet(StoredSplit):
    """One split of MFNet, about 1.5 MB a sample in memory; thermal is a pseudo-temperature."""

    def __init__(self, folder: Path, split: str) -> None:
        self._folder = folder
        names = read_names(folder / f'{split}.txt', LAYOUT)
        super().__init__(
            names,
            numbered_classes(NAMES),
            MODALITIES,
            PSEUDO_KELVIN,
            {
                'data': 'MFNet (Ha et al. 2017)',
                'split': f'{split}, {len(names)}',
                'thermal': PSEUDO_KELVIN_NOTE,
            },
            'no explicit licence; research with citation (data: MFNet)',
        )
        parts: tuple[Part, ...] = (RGB, None)
        require_files((self.source(name, part) for name in names for part in parts), LAYOUT)

    def source(self, name: str, part: Part) -> Path:
        """Return the file of an image; RGB and thermal share it."""
        return self._folder / ('images' if part else 'labels') / f'{name}.png'

    def read(self, name: str) -> StoredSample:
        """Read two files."""
        source = self.source(name, RGB)
        image = read_channels(source, (4,), (np.uint8,), 'RGB and thermal in 4 channels')
        images = {
            RGB: cv2.cvtColor(image, cv2.COLOR_BGRA2RGB),
            THERMAL: np.ascontiguousarray(image[..., 3]),
        }
        return StoredSample(images, read_image(self.source(name, None), None, np.uint8))
