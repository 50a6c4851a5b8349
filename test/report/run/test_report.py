# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The files and tables of a run."""

import io
import json

import cv2
from observed_run import CLASSES, record_run
from rich.console import Console

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.report.run.report import write_report
from mm_robust_seg.report.run.table import summary_blocks
from mm_robust_seg.report.run.timeline import spans
from mm_robust_seg.report.terminal import rendered


def text_of(summary):
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(*map(rendered, summary_blocks(summary, {'bundle': 'sim'})))
    return console.export_text()


def test_state_spans_cover_the_run_and_start_with_it():
    assert list(spans(record_run().record(), Modality.THERMAL, 2.0)) == [
        (0.0, 1.25, Reason.OK),
        (1.25, 2.0, Reason.SILENT),
    ]


def test_the_report_is_written_in_whole_files(tmp_path):
    summary = write_report(record_run().record(), tmp_path)
    assert json.loads((tmp_path / 'summary.json').read_text()) == summary
    assert (summary['rig_late_frames'], summary['rig_skipped_frames']) == (2, 1)
    sheet = cv2.imread(str(tmp_path / 'contact_sheet.png'))
    timeline = cv2.imread(str(tmp_path / 'timeline.png'))
    panel, lines = (160 + 2 * 4, 320 + 4), 2 * (30 + 4) + (30 + 4) + (22 + 4)
    assert sheet.shape == (2 * (panel[0] + 4) + lines + 4, 5 * panel[1] + 4 + 8, 3)
    assert timeline.shape == (1100, 1650, 3)
    colors = {tuple(c) for c in sheet.reshape(-1, 3)[:, ::-1].tolist()}
    assert {c.color for c in CLASSES} <= colors
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'contact_sheet.png',
        'summary.json',
        'timeline.png',
    ]


def test_the_tables_show_figures_phases_combinations_switches_and_faults(tmp_path):
    text = text_of(write_report(record_run().record(), tmp_path))
    lines = [' '.join(line.replace('│', ' ').split()) for line in text.splitlines()]
    for line in (
        'bundle sim',
        'availability_min 0.9',
        'e2e_ms p50 40.0, p99 90.0',
        'detect_ms_p95 silent 250.0',
        'quiet rgb+depth 0.75 0.9 0.0',
        'rgb+depth 6 0.75',
        '1.44 rgb+thermal+depth rgb+depth thermal: SILENT',
        'quiet thermal silent SILENT OK, SILENT 250.0',
    ):
        assert line in lines, text


def test_a_run_that_was_cut_short_can_be_reported(tmp_path):
    summary = write_report(RunRecorder(CLASSES).record(), tmp_path)
    assert summary['availability_min'] is None and summary['frames_lost_to_switch'] == 0
    assert 'availability_min' in text_of(summary)
