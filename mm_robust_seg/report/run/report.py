# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The files of a live run."""

from __future__ import annotations

from pathlib import Path

from mm_robust_seg.files import write_json
from mm_robust_seg.observation.record import RunRecord
from mm_robust_seg.observation.score import summarize, Summary
from mm_robust_seg.report.run.sheet import draw_contact_sheet
from mm_robust_seg.report.run.timeline import draw_timeline

SUMMARY = 'summary.json'


def write_report(record: RunRecord, folder: Path) -> Summary:
    """Write ``contact_sheet.png``, ``timeline.png`` and ``summary.json``; return the summary."""
    rig = {f'rig_{name}_frames': record.rig.get(name) for name in ('late', 'skipped')}
    summary = {**summarize(record), **rig}
    draw_contact_sheet(record, folder / 'contact_sheet.png')
    draw_timeline(record, folder / 'timeline.png')
    write_json(folder / SUMMARY, summary)
    return summary
