# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Copy-paste: objects of other captures, with all sensors and the label together.

Ghiasi et al., CVPR 2021 (arXiv 2012.07177), for images that are registered. An object is moved and
mirrored, not scaled: its distance goes with it, so it stays where the surface is about as far as
it was where it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.datasets.samples import Dataset, Image, Sample
from mm_robust_seg.modality import Modality
from mm_robust_seg.training.data.objects import Mask, Objects, Region
from mm_robust_seg.training.recipe import ObjectsRecipe

_TRIES = 8


@dataclass(frozen=True)
class _Patch:
    """An object: its images and mask, all of the size of its box."""

    images: Mapping[Modality, Image]
    mask: Mask
    class_id: int


def pasted(
    sample: Sample,
    dataset: Dataset,
    objects: Objects,
    recipe: ObjectsRecipe,
    rng: np.random.Generator,
) -> Sample:
    """Return ``sample`` with objects of other captures in it, or, by chance, as it is.

    Args:
        sample: of ``dataset``; it is not changed.
        objects: of ``dataset``.
        rng: the only source of chance.
    """
    if rng.random() >= recipe.paste:
        return sample
    images: dict[Modality, Image] = {m: image.copy() for m, image in sample.images.items()}
    labels = sample.labels.copy()
    for number in rng.choice(len(objects.draw), rng.integers(1, recipe.most + 1), p=objects.draw):
        region = objects.regions[number]
        patch = _patch(dataset[region.sample], region, mirrored=bool(rng.random() < 0.5))
        for _ in range(_TRIES):
            window = _moved(region, labels.shape, recipe, rng)
            if window and _fits(patch, images, window, recipe):
                labels[window][patch.mask] = patch.class_id
                for modality, image in images.items():
                    image[window][patch.mask] = patch.images[modality][patch.mask]
                break
    return Sample(sample.name, images, labels)


def _patch(source: Sample, region: Region, mirrored: bool) -> _Patch:
    height, width = region.mask.shape
    rows, columns = slice(region.top, region.top + height), slice(region.left, region.left + width)
    step = -1 if mirrored else 1
    images = {m: image[rows, columns][:, ::step] for m, image in source.images.items()}
    return _Patch(images, region.mask[:, ::step], region.class_id)


def _moved(
    region: Region,
    shape: tuple[int, ...],
    recipe: ObjectsRecipe,
    rng: np.random.Generator,
) -> tuple[slice, slice] | None:
    """Return a box near that of ``region``, or None if it is not inside an image of ``shape``."""
    height, width = region.mask.shape
    top = region.top + round(rng.normal(0, recipe.move_y * shape[0]))
    left = region.left + round(rng.normal(0, recipe.move_x * shape[1]))
    if top < 0 or left < 0 or top + height > shape[0] or left + width > shape[1]:
        return None
    return slice(top, top + height), slice(left, left + width)


def _fits(
    patch: _Patch,
    images: Mapping[Modality, Image],
    window: tuple[slice, slice],
    recipe: ObjectsRecipe,
) -> bool:
    """Say whether the surface beneath is about as far as the object, where that is measured."""
    depth = images.get(Modality.DEPTH)
    if depth is None:
        return True
    own_m = _median(patch.images[Modality.DEPTH][patch.mask])
    if own_m is None:
        return True
    surface_m = _median(depth[window][patch.mask])
    return surface_m is not None and -recipe.nearer_m <= surface_m - own_m <= recipe.farther_m


def _median(depth_m: NDArray[np.uint8] | NDArray[np.float32]) -> float | None:
    """Return the median distance in metres, or None without a return."""
    returns = depth_m[depth_m > 0]
    return float(np.median(returns)) if returns.size else None
