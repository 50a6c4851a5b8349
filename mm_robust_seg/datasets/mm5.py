"""MM5: aligned RGB, 16-bit thermal and depth of a table top, 31 classes and background.

Brenner, Reyes, Susnjak and Barczak, "MM5: Multimodal Image Dataset", Information Fusion 126
(2026) 103516. Layout: ``rgb/ID.jpg``, ``thermal/ID.png`` (uint16, kelvin x 64), ``depth/ID.png``
(uint16, mm), ``label/ID.png``, ``classes.json``, ``train.txt`` and ``val.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping
import colorsys
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality

THERMAL_SCALE_K = 1 / 64
_Stored = NDArray[Any]
_SUFFIX = {'rgb': '.jpg', 'thermal': '.png', 'depth': '.png', 'label': '.png'}
_DTYPE = {'rgb': np.uint8, 'thermal': np.uint16, 'depth': np.uint16, 'label': np.uint8}


class MM5:
    """One split, kept in memory in the files' own integer types (about 3 MB a sample)."""

    licence = 'CC BY-NC 4.0 (data: MM5)'

    def __init__(self, folder: Path, split: str) -> None:
        self.classes = _classes(folder / 'classes.json')
        names = _read_text(folder / f'{split}.txt').split()
        if not names:
            raise DataError(f'{folder / split}.txt is empty: expected one sample name a line')
        self.provenance = {'data': 'MM5 (Brenner et al. 2026)', 'split': f'{split}, {len(names)}'}
        self._names = names
        self._stored = [self._load(folder, name) for name in names]

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Sample:
        stored = self._stored[index]
        images = {
            Modality.RGB: stored['rgb'],
            Modality.THERMAL: stored['thermal'].astype(np.float32) * np.float32(THERMAL_SCALE_K),
            Modality.DEPTH: stored['depth'].astype(np.float32) * np.float32(1e-3),
        }
        return Sample(self._names[index], images, stored['label'])

    def _load(self, folder: Path, name: str) -> Mapping[str, _Stored]:
        stored = {part: _read_image(folder / part / f'{name}{_SUFFIX[part]}') for part in _SUFFIX}
        stored['rgb'] = cv2.cvtColor(stored['rgb'], cv2.COLOR_BGR2RGB)
        for part, image in stored.items():
            if image.dtype != _DTYPE[part] or image.shape[:2] != stored['label'].shape[:2]:
                raise DataError(
                    f'{folder / part / name}: {image.dtype} of {image.shape}; expected '
                    f'{np.dtype(_DTYPE[part])} of the size of its labels '
                    f'{stored["label"].shape[:2]}'
                )
        worst = int(stored['label'][stored['label'] != 255].max(initial=0))
        if worst >= len(self.classes):
            raise DataError(
                f'{folder / "label" / name} has label {worst}; classes.json has '
                f'{len(self.classes)} classes'
            )
        return stored


def _classes(path: Path) -> tuple[SegmentationClass, ...]:
    try:
        names = json.loads(_read_text(path))
        ordered = [str(names[str(index)]) for index in range(len(names))]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{path} is not a class list: {error}; expected {{"0": "name", ...}}'
        ) from error
    return tuple(SegmentationClass(name, _color(i)) for i, name in enumerate(ordered))


def _color(index: int) -> tuple[int, int, int]:
    if index == 0:
        return 40, 40, 40
    hue, value = (index * 0.618034) % 1.0, 1.0 if index % 2 else 0.75
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error}; expected the MM5 layout') from error


def _read_image(path: Path) -> _Stored:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DataError(f'{path} is missing or not an image: expected the MM5 layout')
    return image
