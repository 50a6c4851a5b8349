# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The objects of a split: where they are, and how rare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.report.progress import Progress, SILENT, watched
from mm_robust_seg.training.recipe import ObjectsRecipe

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Region:
    """One connected region of one class.

    Attributes:
        sample: index in the split.
        class_id: its label.
        top, left: of the box around it, in px.
        mask: (h, w) bool, the size of the box.
    """

    sample: int
    class_id: int
    top: int
    left: int
    mask: Mask


@dataclass(frozen=True)
class Objects:
    """The objects of a split.

    Attributes:
        regions: all that are neither too small nor too large.
        draw: (regions,) probability of each, 1 / (objects of its class x root of its captures).
        rarity: (classes,) 1 / root of the captures with the class; 0 for surroundings.
    """

    regions: tuple[Region, ...]
    draw: NDArray[np.float64]
    rarity: NDArray[np.float64]


def find_objects(
    dataset: Dataset,
    are_objects: NDArray[np.bool_],
    recipe: ObjectsRecipe,
    progress: Progress = SILENT,
) -> Objects:
    """Look for objects in every sample.

    Args:
        are_objects: (classes,) what :func:`object_classes` tells.

    Raises:
        DataError: if there is no object.
    """
    regions: list[Region] = []
    captures = np.zeros(len(are_objects), np.int64)
    indices = range(len(dataset))
    for index in watched(indices, progress, 'objects', len(indices)):
        labels = dataset[index].labels
        present = np.bincount(labels.ravel(), minlength=256)[: len(are_objects)] > 0
        captures += present
        for class_id in np.flatnonzero(present & are_objects):
            regions += _regions(labels, index, int(class_id), recipe)
    if not regions:
        raise DataError(
            'the split train holds no objects: expected connected regions of '
            f'{recipe.smallest:g} to {recipe.largest:g} of an image, of classes that cover at '
            f'most {recipe.common:g} of the split; change objects.*, or set objects.crops and '
            'objects.paste to 0'
        )
    rarity = are_objects / np.sqrt(np.maximum(captures, 1))
    of_class = np.array([region.class_id for region in regions])
    draw = rarity[of_class] / np.bincount(of_class, minlength=len(rarity))[of_class]
    return Objects(tuple(regions), draw / draw.sum(), rarity)


def object_classes(
    classes: tuple[SegmentationClass, ...],
    class_pixels: NDArray[np.int64],
    recipe: ObjectsRecipe,
) -> NDArray[np.bool_]:
    """Tell of each class, (classes,), whether its regions are objects.

    Args:
        class_pixels: (classes,) labelled pixels of each class in the split; see ``SplitSurvey``.

    Raises:
        ConfigError: if ``recipe.surroundings`` names no class.
    """
    names = [c.name for c in classes]
    for name in recipe.surroundings:
        if name not in names:
            raise ConfigError(
                f'objects.surroundings has {name!r}, which is no class of the data set: expected '
                f'some of {", ".join(names)}'
            )
    rare = class_pixels <= recipe.common * class_pixels.sum()
    named = np.array([name in recipe.surroundings for name in names])
    return (class_pixels > 0) & rare & ~named


def _regions(
    labels: NDArray[np.uint8], index: int, class_id: int, recipe: ObjectsRecipe
) -> Iterator[Region]:
    count, numbers, found, _ = cv2.connectedComponentsWithStats(
        (labels == class_id).view(np.uint8)
    )
    for number in range(1, count):
        left, top, width, height, area = (int(x) for x in found[number])
        if recipe.smallest <= area / labels.size <= recipe.largest:
            box = numbers[top : top + height, left : left + width]
            yield Region(index, class_id, top, left, box == number)
