"""Write and print what a demo run showed; ``demo_score`` defines the figures."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from mm_robust_seg.files import write_json
from mm_robust_seg.observation.log import DemoLog
from mm_robust_seg.observation.score import summarize, Summary
from mm_robust_seg.observation.sheet import draw_contact_sheet
from mm_robust_seg.observation.timeline import draw_timeline


def write_report(log: DemoLog, folder: Path) -> Summary:
    """Write ``contact_sheet.png``, ``timeline.png`` and ``summary.json``; return the summary."""
    summary = summarize(log)
    draw_contact_sheet(log, folder / 'contact_sheet.png')
    draw_timeline(log, folder / 'timeline.png')
    write_json(folder / 'summary.json', summary)
    return summary


def print_summary(summary: Summary, console: Console) -> None:
    """Print the summary as two tables: the run, and its phases."""
    phases = Table(title='Phases', title_justify='left')
    for column in ('phase', 'masks made from', 'mIoU', 'availability'):
        phases.add_column(column, justify='left' if column[:3] in {'pha', 'mas'} else 'right')
    number = 1
    while f'phase_{number}_name' in summary:
        keys = ('name', 'combination', 'miou', 'availability')
        phases.add_row(*(_text(summary[f'phase_{number}_{key}']) for key in keys))
        number += 1
    figures = Table(title='Summary', title_justify='left', show_header=False)
    for key, value in summary.items():
        if not key.startswith('phase_'):
            figures.add_row(key, _text(value))
    console.print(phases, figures)


def _text(value: float | str | None) -> str:
    return '-' if value is None else str(value)
