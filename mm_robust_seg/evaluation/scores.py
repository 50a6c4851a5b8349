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
from mm_robust_seg.scores.metrics import iou_of, miou_of, pixel_accuracy_of
from mm_robust_seg.scores.robustness import (
    counter_intuition,
    emm_average,
    emm_expected,
    FAILURE_RATES,
    has_all_subsets,
    MUCH,
)

Float = NDArray[np.float64]
Scores = dict[str, Any]
SCHEMA_VERSION = 2


def summarize(run: DatasetRun, classes: Sequence[str]) -> Scores:
    """Compute every score that ``evaluation.json`` holds of a run."""
    weights = bootstrap.multiplicities(len(run.sample_names))
    draws = {c: bootstrap.resampled_miou(n, weights) for c, n in run.clean.items()}
    return {
        'interval': f'{bootstrap.LEVEL:.0%} bootstrap over images, {bootstrap.DRAWS} draws, '
        f'seed {bootstrap.SEED}',
        'samples': len(run.sample_names),
        'sample_names': list(run.sample_names),
        'classes': list(classes),
        'absent_classes': absent_classes(next(iter(run.clean.values())), classes),
        'combinations': {
            str(combination): _row(counts, draws[combination], weights, classes)
            for combination, counts in run.clean.items()
        },
        **_entirely_missing(run.mious, draws),
        **_damaged(run.damaged, weights),
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


def _interval(draws: Float, estimate: float) -> list[float | None]:
    return [rounded(bound) for bound in bootstrap.interval(draws, estimate)]


def _entirely_missing(
    mious: Mapping[ModalitySet, float], draws: Mapping[ModalitySet, Float]
) -> Scores:
    """Score EMM; all None where a combination is not served."""
    rates = [f'{rate:g}' for rate in FAILURE_RATES]
    if not has_all_subsets(draws):
        nothing: dict[str, None] = dict.fromkeys(rates)
        return {'emm_avg': None, 'emm_avg_interval': None, 'emm_e': nothing, 'emm_e_interval': {}}
    average = float(emm_average(mious))
    out: Scores = {
        'emm_avg': rounded(average),
        'emm_avg_interval': _interval(emm_average(draws), average),
        'emm_e': {},
        'emm_e_interval': {},
    }
    for key, rate in zip(rates, FAILURE_RATES, strict=True):
        expected = float(emm_expected(mious, rate))
        out['emm_e'][key] = rounded(expected)
        out['emm_e_interval'][key] = _interval(emm_expected(draws, rate), expected)
    return out


def _damaged(damaged: Mapping[Damage, Counts], weights: Float) -> Scores:
    """Score RMM and NM; both None where they were skipped."""
    if not damaged:
        return {'rmm': None, 'nm': None}
    rmm: dict[str, Scores] = {}
    nm: list[Scores] = []
    for damage, counts in damaged.items():
        row = _miou(counts, bootstrap.resampled_miou(counts, weights))
        if isinstance(damage, RandomMissing):
            rmm.setdefault(f'{damage.rate:g}', {})[str(damage.damaged)] = row
        elif isinstance(damage, Noise):
            nm.append({'salt_pepper': damage.salt_pepper, 'sigma': damage.sigma, **row})
    means = {rate: _mean([row['miou'] for row in rows.values()]) for rate, rows in rmm.items()}
    return {
        'rmm': {rate: {'mean': means[rate], 'damaged': rows} for rate, rows in rmm.items()},
        'nm': {'mean': _mean([row['miou'] for row in nm]), 'levels': nm},
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 6) if known else None


def _counter_intuitive(clean: Mapping[ModalitySet, Counts]) -> Scores:
    found = counter_intuition({c: miou_of(counts) for c, counts in clean.items()})
    much = found.much_worse / found.pairs if found.pairs else math.nan
    return {
        'counter_intuitive_rate': rounded(found.rate),
        'counter_intuitive': {
            'pairs': found.pairs,
            'worse': found.worse,
            'mean_loss': rounded(found.mean_loss),
            'rate_beyond': {f'{MUCH:g}': rounded(much)},
        },
    }
