# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A data set of your own: one folder for each sensor, one for the labels, a class list.

::

    rgb/       colours, 8 bit                                 any of the three sensors may be left
    thermal/   16 bit (0.01 K a step) or 8 bit                out; images of one moment have the
    depth/     16 bit (1 mm a step, 0: no return) or 8 bit    same name and size; png, tiff, bmp,
    labels/    class ids, 8 bit, 255: unlabeled               pgm, and jpeg for rgb alone
    classes.json              names and, if you like, colours: ``class_list.read_classes``
    train.txt, val.txt        names of the splits; without them the last fifth is ``val``
    dataset.json              units that differ from these: ``description.py``

Floating-point tiff files are in kelvin and metres. 8-bit thermal and depth need their unit in
``dataset.json``, since no default could be right.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm_robust_seg.datasets.class_list import read_classes
from mm_robust_seg.datasets.description import Description, FILES, read_description
from mm_robust_seg.datasets.image_folders import image_files, Part, read_image, read_names, Stored
from mm_robust_seg.datasets.stored import StoredSample, StoredSplit
from mm_robust_seg.datasets.units import scale_name
from mm_robust_seg.errors import DataError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality, ModalitySet

LAYOUT = (
    f'a data folder: any of {", ".join(f"{m}/" for m in Modality)}, with labels/ and '
    'classes.json, and with train.txt and val.txt if the splits are given'
)
VAL_SHARE = 5
"""Without lists, one sample of so many is for validation."""


class FolderSplit(StoredSplit):
    """One split of a data folder."""

    def __init__(self, folder: Path, split: str) -> None:
        self._files = _find(folder)
        modalities = ModalitySet(part for part in self._files if part)
        description = read_description(folder)
        names = _names(folder, split, list(self._files[None]))
        super().__init__(
            names,
            read_classes(folder / 'classes.json', LAYOUT),
            modalities,
            description.units,
            {
                'data': description.name or f'folder {folder.resolve().name}',
                'split': f'{split}, {len(names)}',
            },
            f'{description.licence or "not stated"} (data: {description.name or "own"})',
        )
        self._require(folder)
        self._dtypes = self._stored_types(folder, description)

    def source(self, name: str, part: Part) -> Path:
        """Return the file of an image."""
        return self._files[part][name]

    def read(self, name: str) -> StoredSample:
        """Read the images of all sensors, of the types that the first sample has."""
        images = {m: read_image(self.source(name, m), m, self._dtypes[m]) for m in self.modalities}
        return StoredSample(images, read_image(self.source(name, None), None, np.uint8))

    def _require(self, folder: Path) -> None:
        for part, files in self._files.items():
            missing = [name for name in self.names if name not in files]
            if missing:
                kind = part.value if part else 'labels'
                raise DataError(
                    f'{folder / kind / missing[0]}.* is missing, and {len(missing) - 1} more of '
                    f'{len(self.names)}: expected {kind} of every sample; add them, take the '
                    f'names out of the split, or remove the folder {kind}'
                )

    def _stored_types(
        self, folder: Path, description: Description
    ) -> dict[Modality, type[np.generic]]:
        """Look at the first sample; refuse 8-bit images of unknown unit."""
        types: dict[Modality, type[np.generic]] = {}
        for modality in self.modalities:
            path = self.source(self.names[0], modality)
            image: Stored = read_image(path, modality, *_file_types(modality))
            types[modality] = image.dtype.type
            field = scale_name(modality)
            if field and image.dtype == np.uint8 and field not in description.units:
                raise DataError(
                    f'{path} has 8 bit and no unit: export it with 16 bit, or state {field} in '
                    f'{folder / FILES[0]}'
                )
        return types


def _file_types(modality: Modality) -> tuple[type[np.generic], ...]:
    return (np.uint8,) if KINDS[modality].is_color else (np.uint16, np.uint8, np.float32)


def _find(folder: Path) -> dict[Part, dict[str, Path]]:
    files = image_files(folder)
    if None not in files or len(files) < 2:
        here = ', '.join(sorted(path.name for path in folder.iterdir())[:12]) or 'nothing'
        raise DataError(f'{folder} lacks labels or sensors, it has {here}: expected {LAYOUT}')
    return files


def _names(folder: Path, split: str, labelled: list[str]) -> tuple[str, ...]:
    path = folder / f'{split}.txt'
    lists = [name for name in ('train.txt', 'val.txt') if (folder / name).is_file()]
    if lists or path.is_file():
        return read_names(path, f'{path.name} beside {", ".join(lists)}, or no lists at all')
    if split not in ('train', 'val'):
        raise DataError(f'{path} is missing: expected the names of the split, one a line')
    cut = len(labelled) - len(labelled) // VAL_SHARE
    chosen = labelled[:cut] if split == 'train' else labelled[cut:]
    if not chosen:
        raise DataError(
            f'{folder} has {len(labelled)} labelled samples, of which the last fifth is val: '
            f'expected at least {VAL_SHARE}, or the lists train.txt and val.txt'
        )
    return tuple(chosen)
