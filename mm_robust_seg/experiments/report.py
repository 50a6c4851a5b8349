# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The tables and plots of a comparison, from the content of ``compare.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mm_robust_seg.evaluation.report import text
from mm_robust_seg.experiments.plan import DEDICATED, PLAIN, UNADAPTED
from mm_robust_seg.report.charts import Estimate, grouped, ranked
from mm_robust_seg.report.document import Block, Bullets, Heading, Picture, Table, Text
from mm_robust_seg.scores.robustness import NOTICEABLE

Comparison = Mapping[str, Any]
Row = Mapping[str, Any]


def report(comparison: Comparison) -> list[Block]:
    """Return the blocks of ``table.md`` and ``compare.html``."""
    rows = comparison['rows']
    done = {name: row for name, row in rows.items() if 'combinations' in row}
    blocks: list[Block] = [
        Text(
            f'Recipe {comparison["recipe"]}, data set {comparison["dataset"]} val, '
            f'{comparison["samples"] or "no"} samples. Scores are mIoU in percent; in brackets: '
            f'{comparison["interval"]}; after "±": standard deviation over seeds.'
        ),
        Bullets(_notes(comparison)),
    ]
    if done:
        blocks += [
            Heading('mIoU of every combination'),
            _combinations(rows),
            _combination_plot(done),
            Heading('Against the base, dedicated networks and plain adapters'),
            _summary(rows),
            _mean_plot(done),
            Heading('Recovery (%)'),
            _recovery(rows),
            *_damage(rows),
            Heading('Costs'),
            _costs(rows),
        ]
    return blocks


def summary_blocks(comparison: Comparison) -> list[Block]:
    """Return the figures that most people look for."""
    rows = []
    for name, row in comparison['rows'].items():
        cells = ['-'] * 4
        if 'combinations' in row:
            complete = next(iter(row['combinations'].values()))
            gain = measured(row['gain_over_plain'], sign=True)
            cells = [measured(complete), measured(row['mean_incomplete']), gain]
            cells.append(f'{row["seconds"]:.0f}')
        rows.append((name, row['status'], *cells))
    figures = ('complete', 'mean of incomplete', f'gain over {PLAIN}', 'seconds')
    table = Table(('method', 'status', *figures), rows, left=2)
    return [Heading(comparison['name']), table]


def measured(facts: Mapping[str, Any] | None, sign: bool = False) -> str:
    """Return a score in percent with interval and spread, such as ``46.1 [41.0, 50.2] ± 0.4``."""
    if facts is None or facts['value'] is None:
        return '-'
    shown = text(facts['value'], facts['interval'])
    if sign:
        value, low, high = (100 * number for number in (facts['value'], *facts['interval']))
        shown = f'{value:+.1f} [{low:+.1f}, {high:+.1f}]'
    return shown if facts['spread'] is None else f'{shown} ± {100 * facts["spread"]:.1f}'


def _notes(comparison: Comparison) -> list[str]:
    base, rows = comparison['base'], comparison['rows']
    cost = '' if base['seconds'] is None else f', {base["steps"]} steps, {base["seconds"]:.0f} s'
    notes = [
        f'Base: {base["name"]}{cost}. Rows with "base" under start build on it; its training is '
        'not in their costs.',
        'Recovery is the share of the way from the unadapted base to a dedicated network, '
        '(row - unadapted) / (dedicated - unadapted); "-" where the dedicated network is not '
        'better, or a row is missing.',
        f'Gain: mean of the incomplete combinations minus that of row "{PLAIN}", on the same '
        'resamples of images.',
        'Counter-intuitive: share of frames and pairs of combinations in which one more sensor '
        f'cost the mIoU of the frame more than {100 * NOTICEABLE:g} point.',
    ]
    absent = [n for n in (UNADAPTED, DEDICATED, PLAIN) if 'combinations' not in rows.get(n, {})]
    if absent:
        notes.append(
            f'Without result, so what is measured against it is "-": {", ".join(absent)}.'
        )
    problems = {name: row['problems'] for name, row in rows.items() if row['problems']}
    return notes + [f'{name}: {"; ".join(found)}' for name, found in problems.items()]


def _table(
    rows: Mapping[str, Row], header: tuple[str, ...], cells: Callable[[Row], list[str]]
) -> Table:
    """Lay out all rows; one without result says so in its first cell."""
    width = len(header)
    body = []
    for name, row in rows.items():
        if 'combinations' in row:
            body.append((name, *cells(row)))
        else:
            body.append((name, row['status'], *['-'] * (width - 1)))
    return Table(('method', *header), body)


def _names(rows: Mapping[str, Row], key: str) -> tuple[str, ...]:
    return tuple(next(row[key] for row in rows.values() if key in row))


def _combinations(rows: Mapping[str, Row]) -> Table:
    names = _names(rows, 'combinations')
    return _table(
        rows,
        (*names, 'mean of incomplete'),
        lambda row: [
            *(measured(row['combinations'].get(name)) for name in names),
            measured(row['mean_incomplete']),
        ],
    )


def _summary(rows: Mapping[str, Row]) -> Table:
    rate = _names(rows, 'emm_e')[0]
    header = (
        'clean delta',
        f'gain over {PLAIN}',
        'EMM Avg',
        f'E({rate})',
        f'counter-intuitive beyond {100 * NOTICEABLE:g} point (%)',
    )
    return _table(
        rows,
        header,
        lambda row: [
            measured(row['clean_delta'], sign=True),
            measured(row['gain_over_plain'], sign=True),
            measured(row['emm_avg']),
            measured(row['emm_e'][rate]),
            text(row['counter_intuitive_rate']),
        ],
    )


def _recovery(rows: Mapping[str, Row]) -> Table:
    names = _names(rows, 'recovery')
    return _table(
        rows,
        names,
        lambda row: [
            '-' if row['recovery'].get(name) is None else str(round(100 * row['recovery'][name]))
            for name in names
        ],
    )


def _damage(rows: Mapping[str, Row]) -> list[Block]:
    """Compare the rows under damaged inputs, where these were measured."""
    rates, levels = _names(rows, 'rmm_avg'), _names(rows, 'nm')
    if not rates and not levels:
        return []
    header = (*(f'RMM Avg {rate}' for rate in rates), *(f'NM {level}' for level in levels))
    table = _table(
        rows,
        header,
        lambda row: [
            *(measured(row['rmm_avg'].get(rate)) for rate in rates),
            *(measured(row['nm'].get(level)) for level in levels),
        ],
    )
    return [Heading('Damaged inputs of the complete combination'), table]


def _costs(rows: Mapping[str, Row]) -> Table:
    header = ('start', 'stored in total', 'own of a combination', 'steps', 'seconds', 'seeds')
    return _table(rows, header, _cost_cells)


def _cost_cells(row: Row) -> list[str]:
    return [
        'base' if row['starts_from_base'] else 'encoders',
        f'{row["parameters"]["total_stored"] / 1e6:.2f} M',
        _own(row),
        str(row['steps']),
        f'{row["seconds"]:.0f}',
        ', '.join(map(str, row['seeds'])),
    ]


def _own(row: Row) -> str:
    """Say how many parameters an incomplete combination has to itself."""
    own = row['parameters']['per_combination']
    sizes = [size for name, size in own.items() if name in row['recovery']]
    if not any(sizes):
        return 'none'
    return f'{min(sizes)} to {max(sizes)} ({row["largest_share"]:.2%})'


def _combination_plot(rows: Mapping[str, Row]) -> Picture:
    """Group the rows' bars by combination."""
    groups = _names(rows, 'combinations')
    series = {
        name: [_estimate(row['combinations'].get(group)) for group in groups]
        for name, row in rows.items()
    }
    picture = grouped(groups, series, 'mIoU (%)')
    return Picture('combinations.png', picture, 'mIoU of every method and combination.')


def _mean_plot(rows: Mapping[str, Row]) -> Picture:
    """Order the rows by the mean of their incomplete combinations, the best on top."""
    means = {n: _estimate(row['mean_incomplete']) for n, row in rows.items()}
    scored = {n: mean for n, mean in means.items() if not np.isnan(mean.value)}
    best_first = dict(sorted(scored.items(), key=lambda item: item[1].value, reverse=True))
    picture = ranked(best_first, 'mean mIoU of the incomplete combinations (%)')
    caption = 'Mean of the incomplete combinations, with intervals.'
    return Picture('mean_incomplete.png', picture, caption)


def _estimate(facts: Mapping[str, Any] | None) -> Estimate:
    return Estimate.of(None) if facts is None else Estimate.of(facts['value'], facts['interval'])
