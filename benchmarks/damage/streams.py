# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Streams made of single road images: a window that pans over each, at ten pictures a second.

MSRS has single moments, RGB with the thermal image of the same view. A window of 256 x 192 px
moves over both alike by 2 to 8 px a picture, and back at the border, with noise of 1.5 grey levels
of its own in every picture. A camera learns its usual from a second of each of forty other images
of the same time of day, which is harder than a drive: everything changes every second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality

Pixels = NDArray[np.uint8]
Pair = Mapping[Modality, Pixels]
"""The images of one moment, (H, W, C) uint8."""

RATE_HZ = 10
_WINDOW = 256, 192
_NOISE = 1.5
_KELVIN, _KELVIN_STEP = 283.15, 0.1


def road_images(folder: Path) -> dict[str, list[Pair]]:
    """Return the pairs of MSRS, by time of day.

    Raises:
        DataError: if there are none.
    """
    found: dict[str, list[Pair]] = {'day': [], 'night': []}
    for path in sorted((folder / 'rgb').glob('*.jpg')):
        color = cv2.imread(str(path))
        thermal = cv2.imread(str(folder / 'thermal' / f'{path.stem}.png'), cv2.IMREAD_GRAYSCALE)
        if color is None or thermal is None:
            raise DataError(f'{path} or its thermal image cannot be read')
        when = 'night' if path.stem.endswith('N') else 'day'
        pair = {Modality.RGB: color[..., ::-1], Modality.THERMAL: thermal[..., None]}
        found[when].append({m: np.asarray(image, np.uint8) for m, image in pair.items()})
    if not all(found.values()):
        raise DataError(f'{folder} has no rgb/*.jpg of day and night: expected the folder of MSRS')
    return found


def pan(pair: Pair, count: int, rng: np.random.Generator) -> Iterator[Pair]:
    """Yield the windows of a pan over one moment."""
    height_px, width_px = pair[Modality.RGB].shape[:2]
    room = np.array([width_px - _WINDOW[0], height_px - _WINDOW[1]], np.float64)
    at = rng.uniform(0, room)
    step = np.array([rng.choice([-1, 1]) * rng.uniform(2, 8), rng.uniform(-1, 1)])
    for _ in range(count):
        centre = at + (np.array(_WINDOW) - 1) / 2
        yield {m: _window(image, centre, rng) for m, image in pair.items()}
        at = at + step
        step = np.where((at < 0) | (at > room), -step, step)
        at = np.clip(at, 0, room)


def _window(image: Pixels, centre: NDArray[np.float64], rng: np.random.Generator) -> Pixels:
    patch = cv2.getRectSubPix(np.ascontiguousarray(image), _WINDOW, tuple(centre.tolist()))
    noisy = patch.reshape(*_WINDOW[::-1], -1) + rng.normal(
        0, _NOISE, (*_WINDOW[::-1], image.shape[2])
    )
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def frame_of(modality: Modality, pixels: Pixels, stamp_ns: int) -> Frame:
    """Return a frame in the package's units; thermal grey levels become a tenth of a kelvin."""
    image = pixels if modality is Modality.RGB else (_KELVIN + _KELVIN_STEP * pixels[..., 0])
    dtype = np.uint8 if modality is Modality.RGB else np.float32
    return Frame(modality, stamp_ns, stamp_ns, np.ascontiguousarray(image, dtype))


def parts(pairs: Sequence[Pair], folds: int) -> Iterator[tuple[list[Pair], list[Pair]]]:
    """Yield what is learned from and what is tried, so that each moment is tried once."""
    for fold in range(folds):
        tried = list(pairs[fold::folds])
        yield [pair for k, pair in enumerate(pairs) if k % folds != fold], tried
