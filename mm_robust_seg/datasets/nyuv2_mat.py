# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""NYU Depth V2 as its authors publish it: ``nyu_depth_v2_labeled.mat``, 1449 frames.

The file is HDF5 (MATLAB 7.3) with axes reversed. Beside it lie ``splits.mat`` (the official
frames of train and test; ``val`` means test here) and ``classMapping40.mat`` (894 names to the 40
classes), from https://github.com/ankurhanda/nyuv2-meta-data.
"""

from __future__ import annotations

from importlib import import_module
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mm_robust_seg.datasets.image_folders import Part
from mm_robust_seg.datasets.nyuv2 import (
    classes_of,
    DEPTH,
    LICENCE,
    lookup,
    merged,
    MODALITIES,
    RGB,
)
from mm_robust_seg.datasets.stored import StoredSample, StoredSplit
from mm_robust_seg.errors import DataError
from mm_robust_seg.foreign_text import one_line
from mm_robust_seg.schema import shown

LABELED = 'nyu_depth_v2_labeled.mat'
_INDICES = {'train': 'trainNdxs', 'val': 'testNdxs', 'test': 'testNdxs'}
_MOST_BYTES, _MOST_NUMBERS, _MOST_PX = 1 << 20, 1 << 17, 4096
_NO_NUMBERS = ('cell', 'struct', 'object', 'char', 'sparse', 'function', 'opaque', 'unknown')
_AXES = {
    'images': '(frames, 3, width, height)',
    'depths': '(frames, width, height)',
    'labels': '(frames, width, height)',
}


class NYUv2Labeled(StoredSplit):
    """One official split, about 2.5 MB a sample in memory; depth is the in-painted one."""

    def __init__(self, folder: Path, split: str, class_count: int = 40) -> None:
        self._path = folder / LABELED
        self._h5py = _module('h5py')
        official = 'train' if split == 'train' else 'test'
        of_40 = lookup(class_count)
        frames = _frames(folder / 'splits.mat', split)
        mapping = _array(folder / 'classMapping40.mat', 'mapClass').ravel()
        self._table = of_40[np.array([0, *mapping])]
        self._check(int(frames.max()))
        super().__init__(
            [f'{frame:04d}' for frame in frames],
            classes_of(class_count),
            MODALITIES,
            {},
            {
                'data': 'NYU Depth V2 (Silberman et al. 2012)',
                'split': f'{split} (official {official}), {len(frames)}',
            },
            LICENCE,
        )

    def source(self, name: str, part: Part) -> Path:
        """Return the file, the array in it and the frame."""
        arrays = {RGB: 'images', DEPTH: 'depths', None: 'labels'}
        return self._path / arrays[part] / name

    def read(self, name: str) -> StoredSample:
        """Read one frame of three arrays."""
        with self._h5py.File(self._path) as file:
            rgb, depth, labels = (file[array][int(name) - 1].T for array in _AXES)
        images = {
            RGB: np.ascontiguousarray(rgb),
            DEPTH: np.ascontiguousarray(depth, np.float32),
        }
        return StoredSample(images, merged(labels, self._table, self.source(name, None)))

    def _check(self, last_frame: int) -> None:
        try:
            with self._h5py.File(self._path) as file:
                arrays = {array: file[array] for array in _AXES}
                shapes = {name: array.shape for name, array in arrays.items()}
                kinds = {name: array.dtype.kind for name, array in arrays.items()}
        except Exception as error:  # a damaged file can raise anything in the library
            raise DataError(
                f'{self._path} is not the labelled NYU Depth V2 ({one_line(error)}): expected '
                f'HDF5 with {", ".join(_AXES)}; fetch it again'
            ) from error
        if odd := sorted(name for name, kind in kinds.items() if kind not in 'uif'):
            raise DataError(f'{self._path} has {odd[0]} that are no numbers: fetch it again')
        for array, shape in shapes.items():
            sides = _AXES[array].count(',') + 1
            if len(shape) != sides or shape[0] < last_frame or max(shape[1:]) > _MOST_PX:
                raise DataError(
                    f'{self._path} has {array} of {shape}: expected {_AXES[array]} with at least '
                    f'{last_frame} frames, as splits.mat names them'
                )


def _frames(path: Path, split: str) -> Any:
    """Return the 1-based frame numbers of a split."""
    if split not in _INDICES:
        raise DataError(f'NYU Depth V2 has no split {split!r}: expected train, or val (its test)')
    return _array(path, _INDICES[split]).ravel()


def _array(path: Path, variable: str) -> Any:
    """Read one whole-number array of a MATLAB 5 file."""
    loader = _module('scipy.io')
    if not path.is_file():
        raise DataError(
            f'{path} is missing: expected it beside {LABELED}; it is in '
            'https://github.com/ankurhanda/nyuv2-meta-data'
        )
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise DataError(f'{path} has {size} bytes: expected at most {_MOST_BYTES}; fetch it again')
    try:
        (found,) = [item for item in loader.whosmat(path) if item[0] == variable]
        if math.prod(found[1]) > _MOST_NUMBERS or found[2] in _NO_NUMBERS:
            raise ValueError(f'{variable} is {shown(found[1:])}')
        return loader.loadmat(path, variable_names=[variable])[variable].astype(np.int64)
    except Exception as error:  # a damaged file can raise anything in the library
        reason = one_line(f'{type(error).__name__} {error}')
        raise DataError(
            f'{path} cannot be read ({reason}): expected a MATLAB 5 file '
            f'with {variable}; fetch it again'
        ) from error


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise DataError(
            f'{LABELED} needs {error.name}, which is not installed: in the folder of the package, '
            'pip install -e ".[nyuv2]"'
        ) from error
