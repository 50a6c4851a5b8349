# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The report of an evaluation: tables and remarks, the same in Markdown and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
import re
from typing import Any

import numpy as np

from mm_robust_seg.evaluation.evaluation import Evaluation
from mm_robust_seg.evaluation.plots import plots
from mm_robust_seg.files import replacing, write_json
from mm_robust_seg.report.document import (
    Block,
    Bullets,
    Heading,
    Picture,
    Table,
    Text,
    write_document,
)

Scores = Mapping[str, Any]
EVALUATION = 'evaluation.json'
"""Written last: it says that all is there."""
_SAMPLE = re.compile(r'sample_\d+\.png')


def report(scores: Scores, samples: Sequence[Picture]) -> list[Block]:
    """Return the blocks of the report on ``scores``, the content of ``evaluation.json``."""
    figures = {picture.name: picture for picture in plots(scores)}
    blocks: list[Block] = [
        Text(
            f'{scores["samples"]} samples of {scores["dataset"]} {scores["split"]}, '
            f'{len(scores["classes"])} classes, {scores["engine"]}. Scores in percent; '
            f'in brackets: {scores["interval"]}.'
        ),
        Bullets(scores['notes']),
        Heading('Combinations'),
        _combinations(scores),
        figures['combinations.png'],
        Heading('Missing sensors'),
        *_missing(scores),
    ]
    if 'expected.png' in figures:
        blocks.append(figures['expected.png'])
    if scores['nm'] is not None:
        blocks += [Heading('Damaged inputs'), *_damage(scores), figures['damage.png']]
    blocks += [Heading('Classes'), figures['classes.png'], _classes(scores)]
    if samples:
        blocks += [Heading('Samples'), *samples]
    return blocks


def earlier_results(folder: Path) -> list[Path]:
    """List the pictures of samples that an earlier evaluation left in ``folder``."""
    return [path for path in folder.glob('sample_*.png') if _SAMPLE.fullmatch(path.name)]


def write_results(found: Evaluation, scores: Scores, out: Path) -> None:
    """Write counts, report and scores."""
    counts = {str(combination): array for combination, array in found.run.clean.items()}
    with replacing(out / 'confusion.npz') as temporary:
        np.savez_compressed(temporary, **counts)  # type: ignore[arg-type]
    title = f'{scores["bundle"]} on {scores["dataset"]} {scores["split"]}'
    blocks = report(scores, found.samples)
    write_document(title, blocks, out / 'evaluation.md', out / 'evaluation.html')
    write_json(out / EVALUATION, scores)


def summary_blocks(scores: Scores) -> list[Block]:
    """Return the figures that most people look for."""
    expected = ', '.join(f'E({p}) {text(value)}' for p, value in scores['emm_e'].items())
    return [
        Text(f'{scores["samples"]} samples; scores in percent'),
        _combinations(scores),
        Text(f'EMM Avg {text(scores["emm_avg"])}, {expected}'),
        *_damage_lines(scores),
        Text(
            f'counter-intuitive beyond {100 * scores["counter_intuitive"]["beyond"]:g} point '
            f'{text(scores["counter_intuitive_rate"])} %, then by '
            f'{text(scores["counter_intuitive"]["mean_loss"])} points on average'
        ),
        Bullets(scores['notes']),
    ]


def _damage_lines(scores: Scores) -> list[Text]:
    """Say in a line each what is left under random missing elements, and under noise."""
    lines = []
    if scores['rmm'] is not None:
        averages = (f'{text(row["avg"])} at {rate}' for rate, row in scores['rmm'].items())
        lines.append(Text(f'RMM Avg {", ".join(averages)}'))
    if scores['nm'] is not None:
        levels = ', '.join(text(row['miou']) for row in scores['nm']['levels'])
        lines.append(Text(f'NM {levels} (weak, medium, strong)'))
    return lines


def text(value: float | None, bounds: Sequence[float | None] | None = None) -> str:
    """Return a score in percent, such as ``46.1 [41.0, 50.2]``; ``-`` for None."""
    if value is None:
        return '-'
    known = [f'{100 * bound:.1f}' for bound in bounds or () if bound is not None]
    return f'{100 * value:.1f}' + (f' [{", ".join(known)}]' if len(known) == 2 else '')


def _combinations(scores: Scores) -> Table:
    without = len(scores['classes']) - len(scores['untrained_classes'])
    figures = {'miou': 'mIoU', 'pixel_accuracy': 'pixel accuracy'}
    if scores['untrained_classes']:
        figures['miou_trained'] = f'mIoU of the {without} trained classes'
    rows = [
        (name, *(text(row[figure], row[f'{figure}_interval']) for figure in figures))
        for name, row in scores['combinations'].items()
    ]
    return Table(('combination', *figures.values()), rows)


def _missing(scores: Scores) -> list[Block]:
    rows = [('EMM Avg', text(scores['emm_avg'], scores['emm_avg_interval']))]
    for rate, value in scores['emm_e'].items():
        rows.append((f'E({rate})', text(value, scores['emm_e_interval'].get(rate))))
    found = scores['counter_intuitive']
    limit = f'{100 * found["beyond"]:g} point'
    rows.append((f'counter-intuitive beyond {limit}', text(scores['counter_intuitive_rate'])))
    rows.append(('mean loss of these (points)', text(found['mean_loss'])))
    meaning = (
        f'Counter-intuitive: adding a sensor cost the mIoU of the frame more than {limit} in '
        f'{found["worse"]} of {found["pairs"]} cases (frames times pairs of combinations that '
        f'differ by one sensor); it was lower at all in {found["lower"]}.'
    )
    return [Table(('score', 'value'), rows), Text(meaning)]


def _damage(scores: Scores) -> list[Block]:
    tables: list[Block] = [] if scores['rmm'] is None else [_random_missing(scores['rmm'])]
    nm = scores['nm']
    noise = Table(
        ('NM, salt and pepper / sigma', 'mIoU'),
        [
            *(
                (f'{row["salt_pepper"]:g} / {row["sigma"]:g}',
                 text(row['miou'], row['miou_interval']))
                for row in nm['levels']
            ),
            ('mean', text(nm['avg'], nm['avg_interval'])),
        ],
    )  # fmt: skip
    return [*tables, noise]


def _random_missing(rmm: Mapping[str, Any]) -> Table:
    levels = list(rmm.values())
    rows = [
        (name, *(text(r['damaged'][name]['miou'], r['damaged'][name]['miou_interval'])
                 for r in levels))
        for name in levels[0]['damaged']
    ]  # fmt: skip
    rows.append(
        ('Avg, none damaged included', *(text(r['avg'], r['avg_interval']) for r in levels))
    )
    for p in levels[0]['e']:
        rows.append((f'E({p})', *(text(r['e'][p], r['e_interval'][p]) for r in levels)))
    return Table(('RMM, damaged sensors', *(f'rate {rate}' for rate in rmm)), rows)


def _classes(scores: Scores) -> Table:
    rows = scores['combinations']
    return Table(
        ('IoU of class', *rows),
        [(name, *(text(row['iou'][name]) for row in rows.values())) for name in scores['classes']],
    )
