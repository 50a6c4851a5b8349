# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

import io

import numpy as np
from observed_run import capture, MS, PAIR, phase, state, ZERO
from rich.console import Console

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.observation.record import MaskRecord
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.report.run.live import LiveView
from mm_robust_seg.simulation.faults import Fault


def running_demo():
    recorder = RunRecorder([SegmentationClass('a', (1, 2, 3)), SegmentationClass('b', (4, 5, 6))])
    recorder.phases.append(phase('all', 0, 1000))
    recorder.states.append(state(0))
    labels = np.array([[0, 1]], np.uint8)
    for k in range(20):
        stamp_ns = ZERO + k * 100 * MS
        capture(recorder, stamp_ns, labels)
        recorder.mask(MaskRecord(stamp_ns, stamp_ns + 40 * MS, COMPLETE), labels)
    return recorder


def fall_silent(recorder):
    recorder.phases.append(phase('quiet', 1000, 3000, {Modality.THERMAL: Fault.SILENT}))
    recorder.states.append(state(1200, PAIR, thermal='SILENT'))


def text_of(view, now_ns):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(view.picture(now_ns))
    return console.export_text()


def test_the_table_shows_phase_reasons_combination_rate_and_latency():
    recorder = running_demo()
    fall_silent(recorder)
    view = LiveView(recorder, Console(file=io.StringIO()), duration_s=3.0, phase_count=2)
    text = text_of(view, ZERO + 2000 * MS)
    assert 'phase 2/2: quiet' in text
    assert 'silent' in text and 'SILENT' in text
    assert 'rgb+depth' in text
    assert '10 masks/s for 10 frames/s, 40 ms, mIoU 1.00' in text
    assert '2 of 3 s' in text


def test_the_table_can_be_drawn_before_anything_came():
    view = LiveView(RunRecorder([]), Console(file=io.StringIO()), 3.0, 2)
    text = text_of(view, ZERO)
    assert 'about to start' in text and 'no masks yet' in text


def test_without_a_terminal_each_change_is_one_line():
    recorder, stream = running_demo(), io.StringIO()
    with LiveView(recorder, Console(file=stream), 3.0, 2) as view:
        view.update(ZERO + 900 * MS)
        view.update(ZERO + 950 * MS)
        fall_silent(recorder)
        view.update(ZERO + 1300 * MS)
        view.update(ZERO + 1400 * MS)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert '== phase 1/2: all' in lines[0] and 'rgb OK' in lines[1]
    assert '== phase 2/2: quiet' in lines[2]
    assert 'thermal SILENT, depth OK: masks from rgb+depth' in lines[3]


def test_on_a_terminal_the_table_is_drawn_and_removed():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    with LiveView(running_demo(), console, 3.0, 2) as view:
        view.update(ZERO + 900 * MS)
    assert 'mm_robust_seg demo' in stream.getvalue()
