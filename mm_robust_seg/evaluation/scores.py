# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""From confusion counts to ``evaluation.json``; every score is 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.evaluation.damage import Damage, Noise, RandomMissing
from mm_robust_seg.evaluation.run import Counts, DatasetRun
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.scores import bootstrap
from mm_robust_seg.scores.metrics import iou_of, mean_of_known, miou_of, pixel_accuracy_of
from mm_robust_seg.scores.robustness import (
    counter_intuition,
    emm_average,
    emm_expected,
    FAILURE_RATES,
    has_all_subsets,
    NOTICEABLE,
)

Float = NDArray[np.float64]
Scores = dict[str, Any]
SCHEMA_VERSION = 3


def summarize(run: DatasetRun, classes: Sequence[str], untrained: Sequence[str] = ()) -> Scores:
    """Compute every score that ``evaluation.json`` holds of a run.

    Args:
        untrained: classes that the network never saw; every score is also computed without them.
    """
    weights = bootstrap.multiplicities(len(run.sample_names))
    draws = {c: bootstrap.resampled_miou(n, weights) for c, n in run.clean.items()}
    return {
        'interval': f'{bootstrap.LEVEL:.0%} bootstrap over images, {bootstrap.DRAWS} draws, '
        f'seed {bootstrap.SEED}',
        'samples': len(run.sample_names),
        'sample_names': list(run.sample_names),
        'classes': list(classes),
        'absent_classes': absent_classes(next(iter(run.clean.values())), classes),
        'untrained_classes': [name for name in classes if name in untrained],
        'combinations': {
            str(combination): _row(counts, draws[combination], weights, classes)
            | _of_trained(counts, weights, classes, untrained)
            for combination, counts in run.clean.items()
        },
        **_entirely_missing(run.mious, draws),
        **_damaged(run, draws, weights),
        **_counter_intuitive(run.clean),
    }


def absent_classes(counts: Counts, classes: Sequence[str]) -> list[str]:
    """Return the classes without a labelled pixel."""
    pixels = counts.sum((0, 2))
    return [name for name, count in zip(classes, pixels, strict=True) if count == 0]


def rounded(value: float) -> float | None:
    """Return a score for JSON: 6 decimals, None for NaN."""
    return None if math.isnan(value) else round(float(value), 6)


def _row(counts: Counts, draws: Float, weights: Float, classes: Sequence[str]) -> Scores:
    total = counts.sum(0)
    ious, iou_draws = iou_of(total), bootstrap.resampled_iou(counts, weights)
    accuracy = float(pixel_accuracy_of(total))
    accuracy_draws = pixel_accuracy_of(bootstrap.resampled(counts, weights))
    return {
        **_miou(counts, draws),
        'pixel_accuracy': rounded(accuracy),
        'pixel_accuracy_interval': _interval(accuracy_draws, accuracy),
        'iou': {name: rounded(iou) for name, iou in zip(classes, ious, strict=True)},
        'iou_interval': {
            name: _interval(iou_draws[:, index], float(ious[index]))
            for index, name in enumerate(classes)
        },
    }


def _miou(counts: Counts, draws: Float) -> Scores:
    miou = float(miou_of(counts.sum(0)))
    return {'miou': rounded(miou), 'miou_interval': _interval(draws, miou)}


def _of_trained(
    counts: Counts, weights: Float, classes: Sequence[str], untrained: Sequence[str]
) -> Scores:
    """Score as if pixels of untrained classes were unlabeled; nothing where all are trained."""
    kept = [number for number, name in enumerate(classes) if name not in untrained]
    if len(kept) == len(classes):
        return {}
    known = np.zeros_like(counts)
    known[:, kept] = counts[:, kept]
    miou = float(mean_of_known(iou_of(known.sum(0))[kept]))
    draws = mean_of_known(bootstrap.resampled_iou(known, weights)[:, kept])
    return {'miou_trained': rounded(miou), 'miou_trained_interval': _interval(draws, miou)}


def _interval(draws: Float, estimate: float) -> list[float | None]:
    return [rounded(bound) for bound in bootstrap.interval(draws, estimate)]


def _entirely_missing(
    mious: Mapping[ModalitySet, float], draws: Mapping[ModalitySet, Float]
) -> Scores:
    """Score EMM; all None where a combination is not served."""
    if not has_all_subsets(draws):
        nothing = dict.fromkeys(f'{rate:g}' for rate in FAILURE_RATES)
        return {'emm_avg': None, 'emm_avg_interval': None, 'emm_e': nothing, 'emm_e_interval': {}}
    return {f'emm_{name}': value for name, value in _means(mious, draws).items()}


def _means(mious: Mapping[ModalitySet, float], draws: Mapping[ModalitySet, Float]) -> Scores:
    """Return the plain mean and E(p) over what is left of the sensors, with intervals."""
    average = float(emm_average(mious))
    expected = {f'{rate:g}': float(emm_expected(mious, rate)) for rate in FAILURE_RATES}
    return {
        'avg': rounded(average),
        'avg_interval': _interval(emm_average(draws), average),
        'e': {rate: rounded(value) for rate, value in expected.items()},
        'e_interval': {
            rate: _interval(emm_expected(draws, float(rate)), value)
            for rate, value in expected.items()
        },
    }


def _damaged(run: DatasetRun, draws: Mapping[ModalitySet, Float], weights: Float) -> Scores:
    """Score RMM and NM; None where they were skipped, RMM also where there is one sensor."""
    complete = max(run.clean, key=len)
    drawn = {d: bootstrap.resampled_miou(counts, weights) for d, counts in run.damaged.items()}
    rmm: dict[str, Scores] = {}
    for rate in dict.fromkeys(d.rate for d in drawn if isinstance(d, RandomMissing)):
        hit = [d for d in drawn if isinstance(d, RandomMissing) and d.rate == rate]
        mious = {complete - d.damaged: float(miou_of(run.damaged[d].sum(0))) for d in hit}
        left = {complete - d.damaged: drawn[d] for d in hit}
        mious[complete], left[complete] = run.mious[complete], draws[complete]
        rmm[f'{rate:g}'] = {
            **_means(mious, left),
            'damaged': {str(d.damaged): _miou(run.damaged[d], drawn[d]) for d in hit},
        }
    noises = [d for d in drawn if isinstance(d, Noise)]
    return {'rmm': rmm or None, 'nm': _noise(run, noises, drawn) if noises else None}


def _noise(run: DatasetRun, noises: Sequence[Noise], drawn: Mapping[Damage, Float]) -> Scores:
    mean = float(np.mean([miou_of(run.damaged[d].sum(0)) for d in noises]))
    return {
        'avg': rounded(mean),
        'avg_interval': _interval(np.mean([drawn[d] for d in noises], axis=0), mean),
        'levels': [
            {'salt_pepper': d.salt_pepper, 'sigma': d.sigma, **_miou(run.damaged[d], drawn[d])}
            for d in noises
        ],
    }


def _counter_intuitive(clean: Mapping[ModalitySet, Counts]) -> Scores:
    found = counter_intuition({c: miou_of(counts) for c, counts in clean.items()})
    return {
        'counter_intuitive_rate': rounded(found.rate),
        'counter_intuitive': {
            'beyond': NOTICEABLE,
            'pairs': found.pairs,
            'lower': found.lower,
            'worse': found.worse,
            'mean_loss': rounded(found.mean_loss),
        },
    }
