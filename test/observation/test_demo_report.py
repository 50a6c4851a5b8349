import json

import cv2
import numpy as np
import pytest
from rich.console import Console

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.observation.log import DemoRecorder, PhaseRecord, StateRecord
from mm_robust_seg.observation.score import summarize
from mm_robust_seg.report.run.report import summary_blocks, write_report
from mm_robust_seg.report.run.timeline import spans
from mm_robust_seg.report.terminal import rendered
from mm_robust_seg.simulation.faults import Fault

CLASSES = (SegmentationClass('ground', (90, 90, 90)), SegmentationClass('thing', (200, 30, 30)))
MS = 1_000_000
ZERO = 1_000_000_000_000
PAIR = ModalitySet([Modality.RGB, Modality.DEPTH])
OK = dict.fromkeys(Modality, 'OK')
TRUTH = np.array([[0, 0, 0, 1], [0, 0, 1, 1]], np.uint8)
WRONG = np.array([[0, 0, 0, 0], [0, 0, 1, 1]], np.uint8)


def record_run():
    """Two seconds at 10 Hz; thermal falls silent at 1 s, its state follows 250 ms later.

    The frames at 0.3 s and 1.3 s get no mask; every other mask takes 40 ms, the last one 90 ms.
    """
    recorder = DemoRecorder(CLASSES)
    recorder.state(StateRecord(ZERO - 500 * MS, COMPLETE, OK))
    recorder.phase(PhaseRecord('all', ZERO, ZERO + 1000 * MS, {}))
    faults = {Modality.THERMAL: Fault.SILENT}
    recorder.phase(PhaseRecord('quiet', ZERO + 1000 * MS, ZERO + 2000 * MS, faults))
    recorder.state(StateRecord(ZERO + 1250 * MS, PAIR, OK | {Modality.THERMAL: 'SILENT'}))
    for k in range(20):
        stamp = ZERO + k * 100 * MS
        recorder.truth(stamp, TRUTH)
        recorder.image(Modality.RGB, stamp, np.full((2, 4, 3), k, np.uint8))
        if k not in (3, 13):
            recorder.used(stamp, COMPLETE if k < 13 else PAIR)
            delay = 90 if k == 19 else 40
            recorder.mask(stamp, stamp + delay * MS, TRUTH if k < 10 else WRONG)
    return recorder


def test_the_summary_of_a_run_computed_by_hand():
    summary = summarize(record_run().log(late_frames=2, skipped_frames=1))
    assert summary == {
        'availability_min': 0.9,
        'labeled_min': 0.9,
        'frames_lost_to_switch': 1,
        'switch_ms_p95': 190.0,
        'switch_captures_max': 2,
        'silent_detect_ms_p95': 250.0,
        'frozen_detect_ms_p95': None,
        'dark_detect_ms_p95': None,
        'faults_undetected': 0,
        'mask_hz': 9.0,
        'e2e_ms_p50': 40.0,
        'e2e_ms_p99': 90.0,
        'reference_frames': 20,
        'rig_late_frames': 2,
        'rig_skipped_frames': 1,
        'phase_1_name': 'all',
        'phase_1_combination': 'rgb+thermal+depth',
        'phase_1_miou': 1.0,
        'phase_1_availability': 0.9,
        'phase_2_name': 'quiet',
        'phase_2_combination': 'rgb+depth',
        'phase_2_miou': pytest.approx((5 / 6 + 2 / 3) / 2, abs=1e-4),
        'phase_2_availability': 0.9,
    }


def test_the_order_of_arrival_makes_no_difference():
    recorder = DemoRecorder(CLASSES)
    recorder.phase(PhaseRecord('all', ZERO, ZERO + 1000 * MS, {}))
    recorder.mask(ZERO, ZERO + 5 * MS, TRUTH)
    recorder.used(ZERO, PAIR)
    recorder.truth(ZERO, TRUTH)
    (frame,) = recorder.log().frames
    assert (frame.arrival_ns, frame.combination) == (ZERO + 5 * MS, PAIR)
    assert frame.confusion.miou() == 1.0


def test_a_mask_without_a_capture_is_no_reference_frame():
    recorder = record_run()
    recorder.mask(ZERO + 55 * MS, ZERO + 60 * MS, TRUTH)
    assert summarize(recorder.log())['reference_frames'] == 20


def test_phases_without_a_working_sensor_do_not_count():
    recorder = DemoRecorder(CLASSES)
    recorder.phase(
        PhaseRecord('none', ZERO, ZERO + 1000 * MS, dict.fromkeys(Modality, Fault.FROZEN))
    )
    recorder.truth(ZERO, TRUTH)
    summary = summarize(recorder.log())
    assert summary['availability_min'] is None and summary['reference_frames'] == 0
    assert summary['phase_1_availability'] == 0.0
    assert summary['faults_undetected'] == 3


def test_unlabeled_masks_are_available_but_not_labeled():
    recorder = DemoRecorder(CLASSES)
    recorder.phase(PhaseRecord('all', ZERO, ZERO + 200 * MS, {}))
    for stamp, used in ((ZERO, ModalitySet()), (ZERO + 100 * MS, COMPLETE)):
        recorder.truth(stamp, TRUTH)
        recorder.used(stamp, used)
        recorder.mask(stamp, stamp + MS, np.full_like(TRUTH, 255) if not used else TRUTH)
    summary = summarize(recorder.log())
    assert (summary['availability_min'], summary['labeled_min']) == (1.0, 0.5)


def test_a_fault_that_lasts_over_phases_is_detected_once():
    recorder = DemoRecorder(CLASSES)
    faults = {Modality.DEPTH: Fault.FROZEN}
    recorder.phase(PhaseRecord('one', ZERO, ZERO + 200 * MS, faults))
    recorder.phase(PhaseRecord('two', ZERO + 200 * MS, ZERO + 900 * MS, faults))
    recorder.state(StateRecord(ZERO + 350 * MS, COMPLETE, OK | {Modality.DEPTH: 'FROZEN'}))
    assert summarize(recorder.log())['frozen_detect_ms_p95'] == 350.0


def test_a_reason_given_after_the_fault_ended_is_no_detection():
    recorder = record_run()
    faults = {Modality.RGB: Fault.DARK}
    recorder.phase(PhaseRecord('dark', ZERO + 2000 * MS, ZERO + 2100 * MS, faults))
    recorder.state(StateRecord(ZERO + 2150 * MS, PAIR, OK | {Modality.RGB: 'DARK'}))
    summary = summarize(recorder.log())
    assert summary['dark_detect_ms_p95'] is None and summary['faults_undetected'] == 1


def test_a_fault_counts_as_detected_by_its_reason_and_one_without_any_is_not_waited_for():
    recorder = DemoRecorder(CLASSES)
    faults = {Modality.DEPTH: Fault.FUTURE, Modality.RGB: Fault.OUT_OF_ORDER}
    recorder.phase(PhaseRecord('one', ZERO, ZERO + 200 * MS, faults))
    assert summarize(recorder.log())['faults_undetected'] == 1
    recorder.state(StateRecord(ZERO + 100 * MS, COMPLETE, OK | {Modality.DEPTH: 'CLOCK'}))
    assert summarize(recorder.log())['faults_undetected'] == 0


def test_labels_of_another_model_are_reported_not_raised():
    recorder = DemoRecorder(CLASSES)
    recorder.truth(ZERO, TRUTH)
    recorder.mask(ZERO, ZERO + MS, np.full_like(TRUTH, 7))
    assert 'label 7' in recorder.problem
    assert recorder.log().frames[0].confusion is None


def test_state_spans_cover_the_run_and_start_with_it():
    log = record_run().log()
    assert list(spans(log, Modality.THERMAL, ZERO, 2.0)) == [
        (0.0, 1.25, 'OK'),
        (1.25, 2.0, 'SILENT'),
    ]


def test_each_phase_has_one_sample_with_the_images_of_one_stamp():
    samples = record_run().log().samples
    assert {index: s.stamp_ns for index, s in samples.items()} == {
        0: ZERO + 700 * MS,
        1: ZERO + 1700 * MS,
    }
    assert set(samples[1].images) == {Modality.RGB}
    assert (samples[1].images[Modality.RGB] == 17).all()
    assert np.array_equal(samples[1].mask, WRONG)


def test_the_report_is_written_in_whole_files(tmp_path):
    summary = write_report(record_run().log(), tmp_path)
    assert json.loads((tmp_path / 'summary.json').read_text()) == summary
    sheet = cv2.imread(str(tmp_path / 'contact_sheet.png'))
    timeline = cv2.imread(str(tmp_path / 'timeline.png'))
    assert sheet.shape == (692, 1760, 3) and timeline.shape == (1100, 1650, 3)
    colors = {tuple(c) for c in sheet.reshape(-1, 3)[:, ::-1].tolist()}
    assert {c.color for c in CLASSES} <= colors
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'contact_sheet.png',
        'summary.json',
        'timeline.png',
    ]


def test_a_run_that_was_cut_short_can_be_reported(tmp_path):
    summary = write_report(DemoRecorder(CLASSES).log(), tmp_path)
    assert summary['availability_min'] is None and summary['frames_lost_to_switch'] == 0
    console = Console(record=True, width=100)
    console.print(*map(rendered, summary_blocks(summary)))
    assert 'availability_min' in console.export_text()
