# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""NYU Depth V2: RGB and depth of rooms, 40 classes or the 13 they are often merged into.

Silberman, Hoiem, Kohli and Fergus, "Indoor Segmentation and Support Inference from RGBD Images",
ECCV 2012. The 40 classes: Gupta, Arbelaez and Malik, CVPR 2013. The 13: Couprie, Farabet, Najman
and LeCun, ICLR 2013. ``nyuv2_mat.py`` reads the authors' own file.

Stored ids are 1..40 with 0 for void; here classes are 0..39 (or 0..12) and void is 255.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.datasets.class_list import numbered_classes
from mm_robust_seg.datasets.image_folders import (
    Part,
    read_image,
    read_names,
    read_text,
    require_files,
    Stored,
)
from mm_robust_seg.datasets.stored import StoredSample, StoredSplit
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.schema import parsed_json

LICENCE = 'no explicit licence; academic research with citation (data: NYU Depth V2)'
LAYOUT = (
    'the repacked NYU Depth V2 (rgb/NNNN.jpg; depth/NNNN.png, uint8, metres x 25.5; '
    'label40/NNNN.png, 0 void, 1..40; classes.json, train.txt, val.txt) or the original '
    'nyu_depth_v2_labeled.mat with splits.mat and classMapping40.mat'
)
RGB, DEPTH = MODALITIES = ModalitySet.parse('rgb+depth')

# fmt: off
NAMES_40 = (
    'wall', 'floor', 'cabinet', 'bed', 'chair', 'sofa', 'table', 'door', 'window', 'bookshelf',
    'picture', 'counter', 'blinds', 'desk', 'shelves', 'curtain', 'dresser', 'pillow', 'mirror',
    'floor mat', 'clothes', 'ceiling', 'books', 'refridgerator', 'television', 'paper', 'towel',
    'shower curtain', 'box', 'whiteboard', 'person', 'night stand', 'toilet', 'sink', 'lamp',
    'bathtub', 'bag', 'otherstructure', 'otherfurniture', 'otherprop',
)
NAMES_13 = (
    'bed', 'books', 'ceiling', 'chair', 'floor', 'furniture', 'objects', 'picture', 'sofa',
    'table', 'tv', 'wall', 'window',
)
MAP_40_TO_13 = (
    12, 5, 6, 1, 4, 9, 10, 12, 13, 6, 8, 6, 13, 10, 6, 13, 6, 7, 7, 5, 7, 3, 2, 6, 11, 7, 7, 7, 7,
    7, 7, 6, 7, 7, 7, 7, 7, 7, 6, 7,
)
# fmt: on


class NYUv2(StoredSplit):
    """One split of the repacked layout, about 0.4 MB a sample of 320 x 240 px in memory."""

    def __init__(self, folder: Path, split: str, class_count: int = 40) -> None:
        self._folder = folder
        self._lookup = lookup(class_count)
        _check_class_list(folder / 'classes.json')
        names = read_names(folder / f'{split}.txt', LAYOUT)
        super().__init__(
            names,
            classes_of(class_count),
            MODALITIES,
            {'depth_scale_m': 1 / 25.5},
            {'data': 'NYU Depth V2 (Silberman et al. 2012)', 'split': f'{split}, {len(names)}'},
            LICENCE,
        )
        parts: tuple[Part, ...] = (*MODALITIES, None)
        require_files((self.source(name, part) for name in names for part in parts), LAYOUT)

    def source(self, name: str, part: Part) -> Path:
        """Return the file of an image."""
        kind, suffix = part.value if part else 'label40', 'jpg' if part is RGB else 'png'
        return self._folder / kind / f'{name}.{suffix}'

    def read(self, name: str) -> StoredSample:
        """Read three files."""
        images = {m: read_image(self.source(name, m), m, np.uint8) for m in MODALITIES}
        source = self.source(name, None)
        return StoredSample(
            images, merged(read_image(source, None, np.uint8), self._lookup, source)
        )


def classes_of(class_count: int) -> tuple[SegmentationClass, ...]:
    """Return the 40 or the 13 classes."""
    return numbered_classes(NAMES_40 if class_count == len(NAMES_40) else NAMES_13)


def lookup(class_count: int) -> NDArray[np.uint8]:
    """Return the class of each stored id 0..40.

    Raises:
        ConfigError: if the classes are to be neither 40 nor 13.
    """
    if class_count not in (len(NAMES_40), len(NAMES_13)):
        raise ConfigError(f'NYU Depth V2 cannot have {class_count} classes: expected 40 or 13')
    ids = range(1, 41) if class_count == len(NAMES_40) else MAP_40_TO_13
    return np.array([UNLABELED, *(one - 1 for one in ids)], np.uint8)


def merged(stored: Stored, table: NDArray[np.uint8], source: Path) -> NDArray[np.uint8]:
    """Return class ids for stored ids.

    Raises:
        DataError: if a stored id is beyond the table.
    """
    worst = int(stored.max(initial=0))
    if worst >= len(table):
        raise DataError(f'{source} has label {worst}: expected 0 (void) to {len(table) - 1}')
    return table[stored]


def _check_class_list(path: Path) -> None:
    """Refuse a folder whose ids mean something else."""
    try:
        listed = parsed_json(read_text(path, LAYOUT))
        names, to_13 = tuple(listed['names40']), tuple(listed['map40to13'])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f'{path} is not the class list of {LAYOUT}') from error
    if names != ('void', *NAMES_40) or to_13 != (0, *MAP_40_TO_13):
        raise DataError(
            f'{path} has other classes than the 40 of Gupta et al. 2013 or merges them '
            'differently: use the data set kind "folder" for labels of your own'
        )
