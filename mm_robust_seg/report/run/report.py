"""What a demo run showed, in files and on a terminal; ``score`` defines the figures."""

from __future__ import annotations

from pathlib import Path

from mm_robust_seg.files import write_json
from mm_robust_seg.observation.log import DemoLog
from mm_robust_seg.observation.score import summarize, Summary
from mm_robust_seg.report.document import Block, Table
from mm_robust_seg.report.run.sheet import draw_contact_sheet
from mm_robust_seg.report.run.timeline import draw_timeline


def write_report(log: DemoLog, folder: Path) -> Summary:
    """Write ``contact_sheet.png``, ``timeline.png`` and ``summary.json``; return the summary."""
    summary = summarize(log)
    draw_contact_sheet(log, folder / 'contact_sheet.png')
    draw_timeline(log, folder / 'timeline.png')
    write_json(folder / 'summary.json', summary)
    return summary


def summary_blocks(summary: Summary) -> list[Block]:
    """Return two tables: the phases, and the run."""
    phases, number = [], 1
    while f'phase_{number}_name' in summary:
        keys = ('name', 'combination', 'miou', 'availability')
        phases.append([_text(summary[f'phase_{number}_{key}']) for key in keys])
        number += 1
    figures = [(k, _text(v)) for k, v in summary.items() if not k.startswith('phase_')]
    header = ('phase', 'masks made from', 'mIoU', 'availability')
    return [Table(header, phases, left=2), Table(('', ''), figures, left=2)]


def _text(value: float | str | None) -> str:
    return '-' if value is None else str(value)
