"""The plots of an evaluation on a data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mm_robust_seg.report.document import Picture
from mm_robust_seg.report.figures import COLORS, new_figure, png, tidy, whiskers

Scores = Mapping[str, Any]
_MARGIN_RATE = 0.5


def plots(scores: Scores) -> list[Picture]:
    """Draw all plots that ``scores``, the content of ``evaluation.json``, has figures for."""
    pictures = [_combinations(scores), _classes(scores)]
    if scores['emm_avg'] is not None:
        pictures.append(_expected(scores))
    if scores['rmm'] is not None:
        pictures.append(_damage(scores))
    return pictures


def _combinations(scores: Scores) -> Picture:
    names, rows = list(scores['combinations']), list(scores['combinations'].values())
    values, reach = whiskers(rows)
    figure = new_figure(9.0, 0.9 + 0.45 * len(names))
    axes = figure.subplots()
    y = np.arange(len(names))
    axes.barh(y, values, 0.62, xerr=reach, color=COLORS[0], ecolor='#8a97a6', capsize=3)
    for place, value, right in zip(y, values, reach[1], strict=True):
        if not np.isnan(value):
            axes.annotate(
                f'{value:.1f}', (value + right, place), xytext=(5, 0),
                textcoords='offset points', va='center', fontsize=10,
            )  # fmt: skip
    axes.set_yticks(y, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel('mIoU (%)')
    tidy(axes, 'x')
    return Picture('combinations.png', png(figure), f'mIoU by combination; {scores["interval"]}.')


def _classes(scores: Scores) -> Picture:
    combinations, classes = list(scores['combinations']), scores['classes']
    ious = np.array(
        [
            [np.nan if row['iou'][name] is None else 100 * row['iou'][name] for name in classes]
            for row in scores['combinations'].values()
        ]
    )
    figure = new_figure(10.0, 1.6 + 0.3 * len(classes))
    axes = figure.subplots()
    shown = axes.imshow(ious.T, cmap='viridis', vmin=0, vmax=100, aspect='auto')
    for (column, row), value in np.ndenumerate(ious):
        text = '-' if np.isnan(value) else f'{value:.0f}'
        color = 'black' if np.isnan(value) or value > 60 else 'white'
        axes.text(column, row, text, ha='center', va='center', fontsize=9, color=color)
    axes.set_xticks(range(len(combinations)), combinations, rotation=20, ha='right')
    axes.set_yticks(range(len(classes)), classes, fontsize=9)
    figure.colorbar(shown, ax=axes, label='IoU (%)', fraction=0.03)
    caption = 'IoU (%) of each class by combination; "-": neither in the labels nor predicted.'
    return Picture('classes.png', png(figure), caption)


def _expected(scores: Scores) -> Picture:
    """Draw E(p) over p from the scores of the combinations, with the quoted points."""
    rows = scores['combinations']
    sensors = np.array([name.count('+') + 1 for name in rows])
    values, complete = np.array(whiskers(list(rows.values()))[0]), sensors.max()
    p = np.linspace(0, _MARGIN_RATE, 101)[:, np.newaxis]
    weights = p ** (complete - sensors) * (1 - p) ** sensors
    figure = new_figure(8.0, 4.0)
    axes = figure.subplots()
    axes.plot(p[:, 0], weights @ values / weights.sum(1), color=COLORS[0], label='E(p)')
    quoted = [{'miou': v, 'miou_interval': scores['emm_e_interval'][k]}
              for k, v in scores['emm_e'].items()]  # fmt: skip
    points, reach = whiskers(quoted)
    axes.errorbar([float(k) for k in scores['emm_e']], points, reach, fmt='o', color=COLORS[0],
                  capsize=3)  # fmt: skip
    axes.axhline(100 * scores['emm_avg'], color=COLORS[1], linestyle='--', label='EMM Avg')
    axes.set_xlabel('probability p that a sensor is missing')
    axes.set_ylabel('expected mIoU (%)')
    axes.set_xlim(0, _MARGIN_RATE)
    axes.legend(frameon=False)
    tidy(axes)
    return Picture('expected.png', png(figure), 'Expected mIoU when every sensor fails alike.')


def _damage(scores: Scores) -> Picture:
    """Draw mIoU over the missing rate for every damaged set, and over the noise level."""
    figure = new_figure(11.0, 4.2)
    missing, noise = figure.subplots(1, 2, sharey=True)
    clean = next(iter(scores['combinations'].values()))
    rates = [0.0, *map(float, scores['rmm'])]
    for color, damaged in zip(COLORS, next(iter(scores['rmm'].values()))['damaged'], strict=False):
        rows = [clean, *(level['damaged'][damaged] for level in scores['rmm'].values())]
        missing.plot(rates, whiskers(rows)[0], 'o-', color=color, label=damaged, markersize=4)
    missing.set_xlabel('share of elements set to 0')
    missing.set_ylabel('mIoU (%)')
    missing.set_title('random missing (RMM), by damaged sensors', fontsize=11)
    missing.legend(frameon=False, fontsize=9)
    levels = scores['nm']['levels']
    values, reach = whiskers([clean, *levels])
    noise.errorbar(range(len(values)), values, reach, fmt='o-', color=COLORS[0], capsize=3)
    texts = [f'{100 * level["salt_pepper"]:g}% / {level["sigma"]:g}' for level in levels]
    noise.set_xticks(range(len(values)), ['none', *texts])
    noise.set_xlabel('salt and pepper / Gaussian sigma')
    noise.set_title('noise on all sensors (NM)', fontsize=11)
    for axes in (missing, noise):
        tidy(axes)
    missing.set_ylim(bottom=0)
    caption = 'Damaged inputs of the complete combination.'
    return Picture('damage.png', png(figure), caption)
