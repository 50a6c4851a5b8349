# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The summary of a run for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mm_robust_seg.report.document import Block, Table

_SHOWN_EVENTS = 12
Summary = Mapping[str, Any]
"""As ``observation.score`` makes it."""


def summary_blocks(summary: Summary, head: Mapping[str, str] | None = None) -> list[Block]:
    """Lay out the figures, phases, combinations, faults and the first changes of combination.

    Args:
        head: what the run was made with, shown on top.
    """
    combinations = [{'combination': name, **row} for name, row in summary['combinations'].items()]
    switches = summary['switches']
    more = len(switches) - _SHOWN_EVENTS
    rest = {'time_s': '', 'from': f'{more} more in summary.json', 'to': '', 'reasons': ''}
    shown = [*switches[:_SHOWN_EVENTS], *[rest] * (more > 0)]
    of_fault = ('phase', 'sensor', 'fault', 'expected', 'reasons', 'detected_ms')
    tables = [
        _table(
            ('name', 'combination', 'miou', 'availability', 'degraded'), summary['phases'], left=2
        ),
        _table(('combination', 'masks', 'miou'), combinations, left=1),
        _table(('time_s', 'from', 'to', 'reasons'), shown, left=4),
        _table(of_fault, summary['faults'], left=5),
    ]
    return [_figures(summary, head or {}), *(table for table in tables if table.rows)]


def _figures(summary: Summary, head: Mapping[str, str]) -> Table:
    """Show every figure that is one number, latencies side by side."""
    rows = list(head.items())
    for name, value in summary.items():
        if name.endswith('_p50'):
            kind = name.removesuffix('_p50')
            p50, p99 = _text(value), _text(summary[f'{kind}_p99'])
            rows.append((kind, f'p50 {p50}, p99 {p99}'))
        elif not name.endswith('_p99') and not isinstance(value, (list, dict, str, bool)):
            rows.append((name, _text(value)))
    for fault, value in summary['detect_ms_p95'].items():
        rows.append((f'detect_ms_p95 {fault}', _text(value)))
    return Table(('', ''), rows, left=2)


def _table(keys: Sequence[str], rows: Sequence[Summary], left: int) -> Table:
    titles = [{'name': 'phase', 'miou': 'mIoU'}.get(key, key.replace('_', ' ')) for key in keys]
    return Table(titles, [[_text(row[key]) for key in keys] for row in rows], left)


def _text(value: float | str | list[str] | None) -> str:
    if isinstance(value, list):
        return ', '.join(value)
    return '-' if value is None else str(value)
