# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Intervals of scores by resampling images: what another draw of the same data could have shown.

Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7 (1979). Scores of
a resample come from summed per-image confusion counts, so no image is looked at twice; methods are
compared on the same resamples (paired).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.scores.metrics import iou_of, mean_of_known

Float = NDArray[np.float64]

DRAWS, SEED, LEVEL = 1000, 0, 0.95


def multiplicities(sample_count: int, draws: int = DRAWS, seed: int = SEED) -> Float:
    """Return how often each image is in each resample, (draws, sample_count)."""
    shares = np.full(sample_count, 1 / sample_count)
    return np.random.default_rng(seed).multinomial(sample_count, shares, draws).astype(np.float64)


def resampled(counts: NDArray[np.integer], weights: Float) -> Float:
    """Sum per-image counts, (sample_count, ...), over every resample: (draws, ...)."""
    flat = counts.reshape(len(counts), -1).astype(np.float64)
    return (weights @ flat).reshape(len(weights), *counts.shape[1:])


def resampled_iou(counts: NDArray[np.integer], weights: Float) -> Float:
    """Return the IoU of each class in every resample, (draws, class_count).

    NaN where the class is absent, and where the resample has lost all images whose labels show
    it: false alarms alone would count as 0, and bias the mean of resamples downwards.

    Args:
        counts: (sample_count, class_count, class_count + 1) confusion counts of each image.
    """
    sums = resampled(counts, weights)
    iou = iou_of(sums)
    iou[(sums.sum(-1) == 0) & (counts.sum((0, 2)) > 0)] = np.nan
    return iou


def resampled_miou(counts: NDArray[np.integer], weights: Float) -> Float:
    """Return the mean over classes of :func:`resampled_iou`, (draws,); NaN where all are."""
    return mean_of_known(resampled_iou(counts, weights))


def interval(values: Float, estimate: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of resampled scores, widened to hold ``estimate``.

    A mean over classes is not linear in the images, so its resamples need not be centred on it;
    where the bias is larger than the spread, the interval reaches from there to the estimate.

    Args:
        values: (draws,) scores; NaN, a resample in which nothing could be scored, is left out.
    """
    known = values[~np.isnan(values)]
    if not known.size or np.isnan(estimate):
        return float('nan'), float('nan')
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return min(float(low), estimate), max(float(high), estimate)
