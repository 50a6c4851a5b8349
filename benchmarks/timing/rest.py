# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How many labels change from mask to mask while nothing moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing.rig import Camera, message, serve, START_NS
from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage, UNLABELED
from mm_robust_seg.datasets.samples import Dataset, evenly_spaced, Sample
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.report.progress import Progress, watched

RATES_HZ = {'30/30/30': (30.0, 30.0, 30.0), '30/9/15': (30.0, 9.0, 15.0)}
_NOISE = {Modality.RGB: 2.0, Modality.THERMAL: 5.0, Modality.DEPTH: 5.0}
"""Standard deviation in grey levels, 0.01 K and mm."""
_STEPS = {Modality.THERMAL: 0.01, Modality.DEPTH: 0.001}
_DURATION_S, _WARM_UP_S = 3.0, 2.0


def rest(
    bundle: Bundle, engine: Engine, dataset: Dataset, count: int, progress: Progress
) -> dict[str, float]:
    """Return the share of object pixels that change their label from one mask to the next.

    Args:
        dataset: its samples are scenes at rest, seen with fresh noise in each image.
        count: how many of them.
    """
    changed = dict.fromkeys(RATES_HZ, 0)
    seen = dict.fromkeys(RATES_HZ, 0)
    indices = evenly_spaced(len(dataset), count)
    for index in watched(indices, progress, 'scenes at rest', len(indices)):
        sample = dataset[index]
        for rates, values in RATES_HZ.items():
            rig = dict(zip(Modality, map(Camera, values), strict=True))
            masks = _masks(rig, bundle, engine, sample)
            objects = np.isin(sample.labels, [0, UNLABELED], invert=True)
            for before, after in pairwise(masks):
                changed[rates] += int(np.count_nonzero((before != after)[objects]))
                seen[rates] += int(np.count_nonzero(objects))
    return {rates: changed[rates] / max(seen[rates], 1) for rates in RATES_HZ}


def _masks(
    rig: Mapping[Modality, Camera], bundle: Bundle, engine: Engine, sample: Sample
) -> list[NDArray[np.uint8]]:
    """Return the label maps of the last second."""
    pipeline = Pipeline(Config(), bundle.inputs, engine, START_NS)

    def image(modality: Modality, number: int) -> RawImage:
        return message(modality, _noisy(modality, sample, number))

    served: Iterable[NDArray[np.uint8]] = (
        item.mask.labels
        for item in serve(rig, pipeline, image, _DURATION_S, seed=0)
        if item.at_s > _WARM_UP_S
    )
    return list(served)


def _noisy(
    modality: Modality, sample: Sample, number: int
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return a sample's image as a camera's message has it, with noise where it is valid."""
    image = sample.images[modality]
    if modality is Modality.RGB:
        stored, dtype = image.astype(np.float32), np.uint8
    else:
        stored, dtype = image / np.float32(_STEPS[modality]), np.uint16
    rng = np.random.default_rng(number)
    noisy = stored + _NOISE[modality] * rng.standard_normal(stored.shape, np.float32)
    valid = np.where((stored > 0) | (modality is Modality.RGB), noisy, 0)
    return valid.clip(0, np.iinfo(dtype).max).round().astype(dtype)
