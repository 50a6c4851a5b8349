# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The classes of labelled images: read from a list, numbered, and compared with the labels."""

from __future__ import annotations

from collections.abc import Sequence
import colorsys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.datasets.image_folders import read_text
from mm_robust_seg.errors import DataError
from mm_robust_seg.foreign_text import NAME_LENGTH, one_line, shortened
from mm_robust_seg.schema import parsed_json, shown


def check_labels(labels: NDArray[Any], class_count: int, source: Path) -> None:
    """Raise DataError if ``labels`` holds an id that is neither a class nor 255."""
    counts = np.bincount(labels.ravel(), minlength=256)
    counts[UNLABELED] = 0
    outside = np.flatnonzero(counts[class_count:]) + class_count
    if outside.size:
        raise DataError(
            f'{source} has label {", ".join(map(str, outside[:5]))} in '
            f'{counts[class_count:].sum()} pixels: expected 0..{class_count - 1} of the class '
            'list, or 255 for unlabeled; complete the list or correct the labels'
        )


def read_classes(path: Path, layout: str) -> tuple[SegmentationClass, ...]:
    """Read a JSON class list.

    Either ``{"0": "road", ...}``, ``["road", ...]`` or
    ``[{"name": "road", "color": [128, 64, 128]}, ...]``; missing colours are chosen.

    Raises:
        DataError: if the file is something else, a name is repeated, or there are over 254.
    """
    try:
        listed = parsed_json(read_text(path, layout))
        if isinstance(listed, dict):
            listed = [listed[str(index)] for index in range(len(listed))]
        if not isinstance(listed, list):
            raise TypeError(f'it holds {type(listed).__name__}')
        if len(listed) >= UNLABELED:
            raise ValueError(f'it has {len(listed)} entries, more than {UNLABELED - 1}')
        classes = tuple(_class(entry, index) for index, entry in enumerate(listed))
    except (ValueError, KeyError, TypeError) as error:
        reason = one_line(f'{type(error).__name__}: {error}')
        raise DataError(
            f'{path} is not a class list ({reason}): expected {{"0": '
            '"name", ...}, ["name", ...] or [{"name": "name", "color": [r, g, b]}, ...]'
        ) from error
    if len({c.name for c in classes}) != len(classes) or not 1 <= len(classes) < UNLABELED:
        raise DataError(
            f'{path} lists {len(classes)} classes: expected 1 to 254 with different names'
        )
    return classes


def numbered_classes(names: Sequence[str]) -> tuple[SegmentationClass, ...]:
    """Return classes with colours that differ between neighbours, the same for the same id."""
    return tuple(SegmentationClass(name, _color(index)) for index, name in enumerate(names))


def _class(entry: Any, index: int) -> SegmentationClass:
    if isinstance(entry, str):
        entry = {'name': entry}
    if not isinstance(entry, dict):
        raise TypeError(f'entry {index} is {shown(entry)}')
    if not isinstance(entry.get('name', ''), str):
        raise TypeError(f'the name of entry {index} is {shown(entry["name"])}')
    red, green, blue = map(int, entry.get('color', _color(index)))
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(f'the colour of {entry["name"][:60]} is outside 0..255')
    return SegmentationClass(shortened(entry['name'], NAME_LENGTH), (red, green, blue))


def _color(index: int) -> tuple[int, int, int]:
    if index == 0:
        return 40, 40, 40
    hue, value = (index * 0.618034) % 1.0, 1.0 if index % 2 else 0.75
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, value)
    return round(red * 255), round(green * 255), round(blue * 255)
