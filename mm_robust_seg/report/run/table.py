"""The summary of a replay for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mm_robust_seg.report.document import Block, Bullets, Table

_SHOWN_EVENTS = 12


def summary_blocks(summary: Mapping[str, Any]) -> list[Block]:
    """Lay out the figures, masks by combination, and the first changes of combination."""
    blocks: list[Block] = [_figures(summary), _combinations(summary)]
    if summary['switches']:
        blocks.append(_switches(summary['switches']))
    if summary['faults']:
        blocks.append(_faults(summary['faults']))
    return [*blocks, Bullets(summary['notes'], 'remark')]


def _figures(summary: Mapping[str, Any]) -> Table:
    rates = summary['rates_hz']
    frames = ', '.join(
        f'{sensor} {count}' + (f' at {rates[sensor]:g} Hz' if sensor in rates else '')
        for sensor, count in summary['frames'].items()
    )
    rows = [
        ('bag', f'{summary["bag"]}, {summary["duration_s"]:.1f} s'),
        ('frames', frames),
        ('bundle', f'{summary["bundle"]}, {summary["engine"]}'),
        (
            'masks',
            f'{summary["masks"]} for {summary["reference_frames"]} reference frames (availability '
            f'{_text(summary["availability"])}), {summary["unlabeled_masks"]} unlabeled',
        ),
    ]
    for name in ('inference', 'wait', 'skew'):
        p50, p99 = (_text(summary[f'{name}_ms_p{percent}'], 1) for percent in (50, 99))
        rows.append((f'{name} ms', f'p50 {p50}, p99 {p99}'))
    if summary['scored_masks']:
        rows.append(('mIoU', f'{_text(summary["miou"])} over {summary["scored_masks"]} masks'))
    return Table(('', ''), rows, left=2)


def _combinations(summary: Mapping[str, Any]) -> Table:
    rows = [
        (combination, str(count), _text(summary['miou_by_combination'].get(combination)))
        for combination, count in summary['combinations'].items()
    ]
    return Table(('combination', 'masks', 'mIoU'), rows)


def _switches(switches: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (f'{switch["time_s"]:.2f}', switch['from'], switch['to'], switch['reasons'])
        for switch in switches[:_SHOWN_EVENTS]
    ]
    if len(switches) > _SHOWN_EVENTS:
        rows.append(('', f'{len(switches) - _SHOWN_EVENTS} more in summary.json', '', ''))
    return Table(('time s', 'from', 'to', 'reasons'), rows, left=4)


def _faults(faults: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            *(row[key] for key in ('phase', 'sensor', 'fault', 'expected')),
            ', '.join(row['said']),
            _text(row['detected_ms'], 0),
        )
        for row in faults
    ]
    return Table(('phase', 'sensor', 'fault', 'expected', 'said', 'after ms'), rows, left=5)


def _text(value: float | None, digits: int = 4) -> str:
    return '-' if value is None else f'{value:.{digits}f}'
