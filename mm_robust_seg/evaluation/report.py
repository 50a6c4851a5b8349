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
    if scores['rmm'] is not None:
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
        Text(f'counter-intuitive rate {text(scores["counter_intuitive_rate"])} %'),
        Bullets(scores['notes']),
    ]


def text(value: float | None, bounds: Sequence[float | None] | None = None) -> str:
    """Return a score in percent, such as ``46.1 [41.0, 50.2]``; ``-`` for None."""
    if value is None:
        return '-'
    known = [f'{100 * bound:.1f}' for bound in bounds or () if bound is not None]
    return f'{100 * value:.1f}' + (f' [{", ".join(known)}]' if len(known) == 2 else '')


def _combinations(scores: Scores) -> Table:
    rows = [
        (
            name,
            text(row['miou'], row['miou_interval']),
            text(row['pixel_accuracy'], row['pixel_accuracy_interval']),
        )
        for name, row in scores['combinations'].items()
    ]
    return Table(('combination', 'mIoU', 'pixel accuracy'), rows)


def _missing(scores: Scores) -> list[Block]:
    rows = [('EMM Avg', text(scores['emm_avg'], scores['emm_avg_interval']))]
    for rate, value in scores['emm_e'].items():
        rows.append((f'E({rate})', text(value, scores['emm_e_interval'].get(rate))))
    rows.append(('counter-intuitive rate', text(scores['counter_intuitive_rate'])))
    more = scores['counter_intuitive']
    for loss, rate in more['rate_beyond'].items():
        rows.append((f'the same, by more than {100 * float(loss):g} point', text(rate)))
    rows.append(('mean loss where it is lower (points)', text(more['mean_loss'])))
    meaning = (
        f'Counter-intuitive: adding a sensor lowered the mIoU of the frame in {more["worse"]} of '
        f'{more["pairs"]} cases (frames times pairs of combinations that differ by one sensor).'
    )
    return [Table(('score', 'value'), rows), Text(meaning)]


def _damage(scores: Scores) -> list[Block]:
    rmm, nm = scores['rmm'], scores['nm']
    missing = Table(
        ('RMM, damaged sensors', *(f'rate {rate}' for rate in rmm)),
        [
            *(
                (name, *(text(r['damaged'][name]['miou'], r['damaged'][name]['miou_interval'])
                         for r in rmm.values()))
                for name in next(iter(rmm.values()))['damaged']
            ),
            ('mean', *(text(level['mean']) for level in rmm.values())),
        ],
    )  # fmt: skip
    noise = Table(
        ('NM, salt and pepper / sigma', 'mIoU'),
        [
            *(
                (f'{row["salt_pepper"]:g} / {row["sigma"]:g}',
                 text(row['miou'], row['miou_interval']))
                for row in nm['levels']
            ),
            ('mean', text(nm['mean'])),
        ],
    )  # fmt: skip
    return [missing, noise]


def _classes(scores: Scores) -> Table:
    rows = scores['combinations']
    return Table(
        ('IoU of class', *rows),
        [(name, *(text(row['iou'][name]) for row in rows.values())) for name in scores['classes']],
    )
