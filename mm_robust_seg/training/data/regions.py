# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Regions that a sensor loses in training, so that its network learns to do without them.

Lenses get dirty, drops run over them, a thermal camera sees part of the view, elements die. What
is lost is invalid: all channels of the input are 0 there, the last one, its validity, with them.
Single elements are lost unbeknown to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.training.recipe import RegionRecipe

Bools = NDArray[np.bool_]
Float = NDArray[np.float32]
Size = tuple[int, int]
"""Height and width in px."""

_LEAST_SHARE = 0.02
_MOST_BLOBS = 40
_TILES_PX = (1, 2, 4, 8)
_ASPECT = 1.5


def blobs(size: Size, share: float, rng: np.random.Generator) -> Bools:
    """Return round patches that together cover about ``share``, as of mud: (h, w) bool."""
    height, width = size
    hidden = np.zeros(size, np.uint8)
    for _ in range(_MOST_BLOBS):
        left = share * height * width - int(hidden.sum())
        if left <= 0:
            break
        area = left * rng.uniform(0.3, 1.0)
        stretch = rng.uniform(1 / _ASPECT, _ASPECT)
        radius = np.sqrt(area / np.pi)
        axes = [max(1, round(radius * stretch)), max(1, round(radius / stretch))]
        centre = [int(rng.integers(width)), int(rng.integers(height))]
        cv2.ellipse(hidden, centre, axes, rng.uniform(0, 180), 0, 360, 1, cv2.FILLED)
    return hidden.astype(np.bool_)


def band(size: Size, share: float, rng: np.random.Generator) -> Bools:
    """Return a straight band: of rows, of columns, or askew."""
    ranks = _ranks(size, rng.choice((0.0, np.pi / 2, rng.uniform(0, np.pi))))
    begin = rng.uniform(0, 1 - share)
    return (ranks >= begin) & (ranks < begin + share)


def half_plane(size: Size, share: float, rng: np.random.Generator) -> Bools:
    """Return one side of a straight line."""
    return _ranks(size, rng.uniform(0, 2 * np.pi)) < share


def frame(size: Size, share: float, rng: np.random.Generator) -> Bools:
    """Return what lies around a rectangle somewhere inside, the view of another camera."""
    height, width = size
    stretch = rng.uniform(max(1 - share, 1 / _ASPECT), min(1 / (1 - share), _ASPECT)) ** 0.5
    side = (1 - share) ** 0.5
    rows, columns = round(height * min(1, side * stretch)), round(width * min(1, side / stretch))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    hidden = np.ones(size, np.bool_)
    hidden[top : top + rows, left : left + columns] = False
    return hidden


def scattered(size: Size, share: float, rng: np.random.Generator) -> Bools:
    """Return single pixels, or small tiles, each with probability ``share``."""
    side = int(rng.choice(_TILES_PX))
    tiles = rng.random((-(-size[0] // side), -(-size[1] // side))) < share
    return tiles.repeat(side, 0).repeat(side, 1)[: size[0], : size[1]]


REGIONS: Mapping[str, Callable[[Size, float, np.random.Generator], Bools]] = {
    'blobs': blobs,
    'bands': band,
    'half_planes': half_plane,
    'frames': frame,
    'scattered': scattered,
}
"""How a region is made, by the name of its probability in ``RegionRecipe``."""


def without_regions(
    inputs: Mapping[Modality, Float], recipe: RegionRecipe, rng: np.random.Generator
) -> dict[Modality, Float]:
    """Return network inputs with validity, (C, h, w) each of one size, with regions lost.

    Args:
        rng: the only source of chance.
    """
    if not recipe.is_on:
        return dict(inputs)
    chances = np.array([getattr(recipe, name) for name in REGIONS])
    size = next(iter(inputs.values())).shape[1:]
    common = np.zeros(size, np.bool_)
    if chances.any() and rng.random() < recipe.together:
        kind = rng.choice(list(REGIONS), p=chances / chances.sum())
        common = _region(kind, size, recipe, rng)
    lost = {}
    for modality in ModalitySet(inputs):
        hidden = common.copy()
        for name, chance in zip(REGIONS, chances, strict=True):
            if rng.random() < chance:
                hidden |= _region(name, size, recipe, rng)
        lost[modality] = inputs[modality] * ~hidden
        if rng.random() < recipe.elements:
            values = lost[modality][:-1]
            values *= rng.random(values.shape) >= _share(recipe, rng)
    return lost


def _region(kind: str, size: Size, recipe: RegionRecipe, rng: np.random.Generator) -> Bools:
    return REGIONS[kind](size, _share(recipe, rng), rng)


def _share(recipe: RegionRecipe, rng: np.random.Generator) -> float:
    """Draw a share of the image, small ones as often as large ones."""
    return float(rng.uniform(min(_LEAST_SHARE, recipe.largest), recipe.largest))


def _ranks(size: Size, angle: float) -> Float:
    """Return how far along a direction each pixel lies, as the share of pixels before it."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    along = (np.cos(angle) * rows + np.sin(angle) * columns).ravel()
    ranks = np.empty(along.size, np.float32)
    ranks[np.argsort(along, kind='stable')] = np.arange(along.size) / along.size
    return ranks.reshape(size)
