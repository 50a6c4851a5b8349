# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The plots of an evaluation on a data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mm_robust_seg.report.charts import Curve, Curves, curves, Estimate, heat_maps, HeatMap, ranked
from mm_robust_seg.report.document import Picture

Scores = Mapping[str, Any]
_MARGIN_RATE = 0.5


def plots(scores: Scores) -> list[Picture]:
    """Draw all plots that ``scores``, the content of ``evaluation.json``, has figures for."""
    pictures = [_combinations(scores), _classes(scores)]
    if scores['emm_avg'] is not None:
        pictures.append(_expected(scores))
    if scores['nm'] is not None:
        pictures.append(_damage(scores))
    return pictures


def _combinations(scores: Scores) -> Picture:
    rows = {name: _miou(row) for name, row in scores['combinations'].items()}
    caption = f'mIoU by combination; {scores["interval"]}.'
    return Picture('combinations.png', ranked(rows, 'mIoU (%)'), caption)


def _classes(scores: Scores) -> Picture:
    rows, classes = scores['combinations'], scores['classes']
    ious = [[Estimate.of(row['iou'][name]).value for row in rows.values()] for name in classes]
    panel = HeatMap(classes, list(rows), np.array(ious), 'IoU (%)')
    caption = 'IoU (%) of each class by combination; "-": neither in the labels nor predicted.'
    return Picture('classes.png', heat_maps([panel]), caption)


def _expected(scores: Scores) -> Picture:
    """Draw E(p) over p from the scores of the combinations, with the quoted points."""
    rows = scores['combinations']
    sensors = np.array([name.count('+') + 1 for name in rows])
    values, complete = np.array([_miou(row).value for row in rows.values()]), sensors.max()
    p = np.linspace(0, _MARGIN_RATE, 101)
    weights = p[:, np.newaxis] ** (complete - sensors) * (1 - p[:, np.newaxis]) ** sensors
    expected = weights @ values / weights.sum(1)
    quoted = {
        float(rate): Estimate.of(value, scores['emm_e_interval'][rate])
        for rate, value in scores['emm_e'].items()
    }
    average = Estimate.of(scores['emm_avg'])
    panel = Curves(
        {
            'E(p)': Curve(p.tolist(), [Estimate(value) for value in expected], '-'),
            'E(p) with interval': Curve(list(quoted), list(quoted.values()), 'o'),
            'EMM Avg': Curve([0, _MARGIN_RATE], [average, average], '--'),
        },
        'probability p that a sensor is missing',
    )
    picture = curves([panel], 'expected mIoU (%)')
    return Picture('expected.png', picture, 'Expected mIoU when every sensor fails alike.')


def _damage(scores: Scores) -> Picture:
    """Draw mIoU over the missing rate for every damaged set, and over the noise level."""
    clean = _miou(next(iter(scores['combinations'].values())))
    origin = Estimate(clean.value)
    rmm = scores['rmm'] or {}
    rates = [0.0, *map(float, rmm)]
    damaged = [level['damaged'] for level in rmm.values()]
    missing = {
        name: Curve(rates, [origin, *(Estimate.of(row[name]['miou']) for row in damaged)])
        for name in (damaged[0] if damaged else ())
    }
    levels = scores['nm']['levels']
    noise = Curve(range(len(levels) + 1), [clean, *map(_miou, levels)])
    texts = [f'{100 * level["salt_pepper"]:g}% / {level["sigma"]:g}' for level in levels]
    share = 'share of elements set to 0'
    panels = [Curves(missing, share, 'random missing (RMM), by damaged sensors')] * bool(missing)
    panels += [
        Curves(
            {'': noise},
            'salt and pepper / Gaussian sigma',
            'noise on all sensors (NM)',
            ['none', *texts],
        ),
    ]
    caption = 'Damaged inputs of the complete combination.'
    return Picture('damage.png', curves(panels, 'mIoU (%)', bottom=0), caption)


def _miou(row: Mapping[str, Any]) -> Estimate:
    return Estimate.of(row['miou'], row['miou_interval'])
