"""The summary of a replay as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

_SHOWN_EVENTS = 12


def summary_table(summary: Mapping[str, Any], out: Path) -> RenderableType:
    """Lay out the figures, masks by combination, and the first changes of combination."""
    parts: list[RenderableType] = [_figures(summary), _combinations(summary)]
    if summary['switches']:
        parts.append(_switches(summary['switches']))
    if summary['faults']:
        parts.append(_faults(summary['faults']))
    parts += [f'[yellow]note:[/] {escape(note)}' for note in summary['notes']]
    parts.append(f'Results: {escape(str(out))}')
    return Group(*parts)


def _figures(summary: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    rates = summary['rates_hz']
    frames = ', '.join(
        f'{sensor} {count}' + (f' at {rates[sensor]:g} Hz' if sensor in rates else '')
        for sensor, count in summary['frames'].items()
    )
    table.add_row('bag', escape(f'{summary["bag"]}, {summary["duration_s"]:.1f} s'))
    table.add_row('frames', frames)
    table.add_row('bundle', escape(f'{summary["bundle"]}, {summary["engine"]}'))
    table.add_row(
        'masks',
        f'{summary["masks"]} for {summary["reference_frames"]} reference frames '
        f'(availability {_text(summary["availability"])}), {summary["unlabeled_masks"]} unlabeled',
    )
    for name in ('inference', 'wait', 'skew'):
        p50, p99 = (_text(summary[f'{name}_ms_p{percent}'], 1) for percent in (50, 99))
        table.add_row(f'{name} ms', f'p50 {p50}, p99 {p99}')
    if summary['scored_masks']:
        table.add_row('mIoU', f'{_text(summary["miou"])} over {summary["scored_masks"]} masks')
    return table


def _combinations(summary: Mapping[str, Any]) -> Table:
    table = Table('combination')
    table.add_column('masks', justify='right')
    table.add_column('mIoU', justify='right')
    for combination, count in summary['combinations'].items():
        miou = summary['miou_by_combination'].get(combination)
        table.add_row(combination, str(count), _text(miou))
    return table


def _switches(switches: list[Mapping[str, Any]]) -> Table:
    table = Table('time s', 'from', 'to', 'reasons')
    for switch in switches[:_SHOWN_EVENTS]:
        row = (f'{switch["time_s"]:.2f}', switch['from'], switch['to'], switch['reasons'])
        table.add_row(*(escape(str(cell)) for cell in row))
    if len(switches) > _SHOWN_EVENTS:
        table.add_row('', f'{len(switches) - _SHOWN_EVENTS} more in summary.json')
    return table


def _faults(faults: list[Mapping[str, Any]]) -> Table:
    table = Table('phase', 'sensor', 'fault', 'expected')
    table.add_column('after ms', justify='right')
    table.add_column('said')
    for row in faults:
        cells = (row['phase'], row['sensor'], row['fault'], row['expected'])
        after, said = _text(row['detected_ms'], 0), ', '.join(row['said'])
        table.add_row(*(escape(cell) for cell in (*cells, after, said)))
    return table


def _text(value: float | None, digits: int = 4) -> str:
    return '-' if value is None else f'{value:.{digits}f}'
