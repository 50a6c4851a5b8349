# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The figures of a run, computed by hand."""

import numpy as np
from observed_run import capture, CLASSES, MS, PAIR, phase, record_run, state, TRUTH, ZERO
import pytest

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.observation.record import MaskRecord, RunRecord, StateRecord
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.observation.score import percentile, summarize
from mm_robust_seg.simulation.faults import Fault


def test_the_summary_of_a_run_computed_by_hand():
    summary = summarize(record_run().record())
    quiet_miou = pytest.approx((5 / 6 + 2 / 3) / 2, abs=1e-4)
    assert summary == {
        'duration_s': 2.0,
        'reference_frames': 20,
        'availability': 0.9,
        'availability_min': 0.9,
        'degraded': 0.0,
        'answered': 0.9,
        'mask_hz': 9.0,
        'e2e_ms_p50': 40.0,
        'e2e_ms_p99': 90.0,
        'inference_ms_p50': 20.0,
        'inference_ms_p99': 25.0,
        'wait_ms_p50': 2.0,
        'wait_ms_p99': 2.0,
        'skew_ms_p50': 0.0,
        'skew_ms_p99': 0.0,
        'masks': 18,
        'unlabeled_masks': 0,
        'combinations': {
            'rgb+thermal+depth': {
                'masks': 12,
                'miou': pytest.approx((60 / 63 + 33 / 36) / 2, abs=1e-4),
            },
            'rgb+depth': {'masks': 6, 'miou': quiet_miou},
        },
        'references': {'rgb': 18},
        'sensors': {
            'rgb': {'share': 1.0, 'age_ms_p50': 0.0, 'latency_ms_p50': 0.0},
            'thermal': {'share': 0.6667, 'age_ms_p50': None, 'latency_ms_p50': None},
            'depth': {'share': 1.0, 'age_ms_p50': 10.0, 'latency_ms_p50': None},
        },
        'scored_masks': 18,
        'miou': pytest.approx((90 / 99 + 45 / 54) / 2, abs=1e-4),
        'pixel_accuracy': pytest.approx((9 * 8 + 9 * 7) / (18 * 8), abs=1e-4),
        'iou_by_class': {
            'ground': pytest.approx(90 / 99, abs=1e-4),
            'thing': pytest.approx(45 / 54, abs=1e-4),
        },
        'frames_lost_to_switch': 1,
        'switch_ms_p95': 190.0,
        'switch_captures_max': 2,
        'switches': [
            {
                'time_s': 1.44,
                'from': 'rgb+thermal+depth',
                'to': 'rgb+depth',
                'reasons': 'thermal: SILENT',
            }
        ],
        'faults': [
            {
                'phase': 'quiet',
                'sensor': 'thermal',
                'fault': 'silent',
                'expected': 'SILENT',
                'detected_ms': 250.0,
                'reasons': ['OK', 'SILENT'],
            }
        ],
        'detect_ms_p95': {'silent': 250.0},
        'faults_undetected': 0,
        'sensor_states': [
            *({'time_s': -0.5, 'sensor': m.value, 'reason': 'OK', 'in_use': True, 'detail': ''}
              for m in Modality),
            {'time_s': 1.25, 'sensor': 'thermal', 'reason': 'SILENT', 'in_use': False,
             'detail': ''},
        ],
        'phases': [
            {
                'name': 'all',
                'start_s': 0.0,
                'end_s': 1.0,
                'faults': {},
                'reference_frames': 10,
                'availability': 0.9,
                'degraded': 0.0,
                'combination': 'rgb+thermal+depth',
                'miou': 1.0,
            },
            {
                'name': 'quiet',
                'start_s': 1.0,
                'end_s': 2.0,
                'faults': {'thermal': 'silent'},
                'reference_frames': 10,
                'availability': 0.9,
                'degraded': 0.0,
                'combination': 'rgb+depth',
                'miou': quiet_miou,
            },
        ],
        'frames': {'rgb': 20, 'thermal': 0, 'depth': 0},
    }  # fmt: skip


def test_a_mask_without_a_capture_is_no_reference_frame():
    recorder = record_run()
    recorder.mask(MaskRecord(ZERO + 55 * MS, ZERO + 60 * MS), TRUTH)
    assert summarize(recorder.record())['reference_frames'] == 20


def test_phases_without_a_working_sensor_do_not_count():
    recorder = RunRecorder(CLASSES)
    recorder.phases.append(phase('none', 0, 1000, dict.fromkeys(Modality, Fault.FROZEN)))
    capture(recorder, ZERO)
    summary = summarize(recorder.record())
    assert summary['availability_min'] is None and summary['reference_frames'] == 0
    assert summary['phases'][0]['availability'] == 0.0
    assert summary['faults_undetected'] == 3


def test_unlabeled_masks_answer_but_are_not_available():
    recorder = RunRecorder(CLASSES)
    recorder.phases.append(phase('all', 0, 200))
    for stamp_ns, used in ((ZERO, ModalitySet()), (ZERO + 100 * MS, COMPLETE)):
        capture(recorder, stamp_ns)
        labels = np.full_like(TRUTH, 255) if not used else TRUTH
        recorder.mask(MaskRecord(stamp_ns, stamp_ns + MS, used), labels)
    summary = summarize(recorder.record())
    assert (summary['availability_min'], summary['availability']) == (0.5, 0.5)
    assert summary['answered'] == 1.0


def test_the_share_of_degraded_masks_is_one_of_those_made_from_a_sensor():
    recorder = RunRecorder(CLASSES)
    recorder.phases.append(phase('all', 0, 300))
    rgb = ModalitySet([Modality.RGB])
    made = [(ModalitySet(), ModalitySet()), (COMPLETE, ModalitySet()), (rgb, rgb)]
    for number, (used, degraded) in enumerate(made):
        stamp_ns = ZERO + number * 100 * MS
        capture(recorder, stamp_ns)
        recorder.mask(MaskRecord(stamp_ns, stamp_ns + MS, used, degraded=degraded), TRUTH)
    summary = summarize(recorder.record())
    assert (summary['degraded'], summary['phases'][0]['degraded']) == (0.5, 0.5)
    assert summary['availability'] == 0.6667


def detections(recorder):
    summary = summarize(recorder.record())
    return summary['detect_ms_p95'], summary['faults_undetected']


def test_a_fault_that_lasts_over_phases_is_detected_once():
    recorder = RunRecorder(CLASSES)
    faults = {Modality.DEPTH: Fault.FROZEN}
    recorder.phases = [phase('one', 0, 200, faults), phase('two', 200, 900, faults)]
    recorder.states.append(state(350, depth='FROZEN'))
    assert detections(recorder) == ({'frozen': 350.0}, 0)


def test_a_fault_that_turns_into_another_is_a_new_one():
    recorder = RunRecorder(CLASSES)
    recorder.phases = [
        phase('one', 0, 500, {Modality.RGB: Fault.FROZEN}),
        phase('two', 500, 900, {Modality.RGB: Fault.DARK}),
    ]
    recorder.states += [state(300, rgb='FROZEN'), state(600, rgb='DARK')]
    assert detections(recorder) == ({'frozen': 300.0, 'dark': 100.0}, 0)


def test_a_reason_given_after_the_fault_ended_is_no_detection():
    recorder = record_run()
    recorder.phases.append(phase('dark', 2000, 2100, {Modality.RGB: Fault.DARK}))
    recorder.states.append(state(2150, PAIR, rgb='DARK'))
    assert detections(recorder) == ({'silent': 250.0, 'dark': None}, 1)


def test_a_fault_counts_as_detected_by_its_reason_and_one_without_any_is_not_waited_for():
    recorder = RunRecorder(CLASSES)
    faults = {Modality.DEPTH: Fault.FUTURE, Modality.RGB: Fault.OUT_OF_ORDER}
    recorder.phases.append(phase('one', 0, 200, faults))
    assert detections(recorder) == ({'future': None, 'out_of_order': None}, 1)
    recorder.states.append(state(100, depth='CLOCK'))
    assert detections(recorder)[1] == 0


def test_every_change_of_a_sensor_is_listed_but_of_one_that_is_disabled():
    reasons = dict.fromkeys(Modality, Reason.OK) | {Modality.DEPTH: Reason.DISABLED}
    later = reasons | {Modality.RGB: Reason.DARK}
    states = [
        StateRecord(0, PAIR, reasons),
        StateRecord(10**9, PAIR, reasons),
        StateRecord(2 * 10**9, ModalitySet(), later, {Modality.RGB: 'no light'}),
    ]
    rows = summarize(RunRecord(states=states))['sensor_states']
    assert [(row['time_s'], row['sensor'], row['reason'], row['in_use']) for row in rows] == [
        (0.0, 'rgb', 'OK', True),
        (0.0, 'thermal', 'OK', False),
        (2.0, 'rgb', 'DARK', False),
    ]
    assert rows[-1]['detail'] == 'no light'


def test_a_percentile_is_an_observed_value():
    assert percentile([1.0, None, 3.0, 2.0], 50) == 2.0
    assert percentile([1.0, 2.0], 95) == 2.0
    assert percentile([None], 50) is None
