# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the node says about itself."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from mm_robust_seg.dataflow import (
    Frame,
    FrameSet,
    HealthLevel,
    HealthReport,
    Reason,
    Segmentation,
    SensorHealth,
)
from mm_robust_seg.finding import Participation
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.ros.node import diagnostics
from mm_robust_seg.ros.node.diagnostics import Deliveries, Delivery, State
from mm_robust_seg.ros.node.threads.engine_thread import EngineState

pytestmark = pytest.mark.ros

MS = 1_000_000
BAD = {Modality.THERMAL: Reason.SILENT}


def _report(reasons=BAD, detail='because'):
    def health(modality):
        reason = reasons.get(modality, Reason.OK)
        good = reason is Reason.OK
        level = HealthLevel.OK if good else HealthLevel.ERROR
        return SensorHealth(modality, level, reason, good, detail, 0, {'age_s': 0.125})

    return HealthReport(0, {m: health(m) for m in Modality})


def _values(status):
    return {pair.key: pair.value for pair in status.values}


def _delivery(combination='rgb+depth', opened_ns=100 * MS, published_ns=140 * MS, reasons=BAD):
    frame = Frame(Modality.RGB, 90 * MS, opened_ns, np.zeros((2, 2, 3), np.uint8))
    depth = Frame(Modality.DEPTH, 92 * MS, opened_ns, np.zeros((2, 2), np.float32))
    members = {Modality.RGB: frame, Modality.DEPTH: depth}
    frames = FrameSet(members, Modality.RGB, opened_ns, opened_ns + 20 * MS)
    plane = np.zeros((2, 2), np.uint8)
    result = Segmentation(
        plane, plane, frame, ModalitySet.parse(combination), _report(reasons), frames, 0.015, True
    )
    return Delivery(result, published_ns, 'rgb+depth')


def test_levels_are_one_byte_and_names_begin_with_the_node():
    health, part = _report().sensors[Modality.THERMAL], Participation(0.25, 0.04, None)
    status = diagnostics.sensor_status('robot/segmentation', health, part)
    assert (status.level, status.name) == (b'\x02', 'robot/segmentation: thermal')
    assert status.message == 'SILENT: because'
    told = {'reason': 'SILENT', 'usable': 'False', 'age_s': '0.125'}
    assert _values(status) == told | {'share': '0.25', 'age_ms': '40'}


def test_the_state_names_active_previous_and_every_reason():
    before = State.after(None, _report({}), COMPLETE)
    state = State.after(before, _report(), ModalitySet.parse('rgb+depth'))
    status = diagnostics.modality_state('n: modality', state)
    values = _values(status)
    assert (values['active'], values['previous']) == ('rgb+depth', 'rgb+thermal+depth')
    assert (values['thermal'], values['rgb']) == ('SILENT', 'OK')
    assert status.message == 'rgb+depth, thermal: SILENT'
    assert status.level == b'\x01'


def test_previous_stays_until_the_combination_changes_again():
    first = State.after(None, _report({}), COMPLETE)
    second = State.after(first, _report(), ModalitySet.parse('rgb+depth'))
    third = State.after(second, _report(), ModalitySet.parse('rgb+depth'))
    assert third.previous == COMPLETE


def test_only_verdicts_and_combination_make_a_difference():
    state = State.after(None, _report(), COMPLETE)
    assert State.after(state, _report(detail='other words'), COMPLETE).gist == state.gist
    assert State.after(state, _report({}), COMPLETE).gist != state.gist
    assert State.after(state, _report(), ModalitySet()).gist != state.gist


def test_no_sensor_is_an_error_and_a_disabled_one_is_not_missed():
    assert State.after(None, _report(), ModalitySet()).level is HealthLevel.ERROR
    disabled = _report({Modality.THERMAL: Reason.DISABLED})
    assert State.after(None, disabled, ModalitySet.parse('rgb+depth')).level is HealthLevel.OK


@pytest.mark.parametrize(
    ('forced', 'reasons', 'level'),
    [
        ('rgb', {Modality.RGB: Reason.DARK}, HealthLevel.ERROR),
        (
            'rgb+depth',
            {Modality.RGB: Reason.FROZEN, Modality.DEPTH: Reason.SILENT},
            HealthLevel.ERROR,
        ),
        ('rgb+depth', {Modality.RGB: Reason.DARK}, HealthLevel.WARN),
        ('rgb', {Modality.RGB: Reason.RECOVERING}, HealthLevel.WARN),
        ('rgb+thermal+depth', {Modality.RGB: Reason.DARK}, HealthLevel.WARN),
        ('rgb+thermal+depth', {}, HealthLevel.OK),
    ],
)
def test_a_forced_sensor_counts_only_if_it_works(forced, reasons, level):
    state = State.after(None, _report(reasons), ModalitySet.parse(forced))
    assert state.level is level


def test_frame_info_tells_the_times_of_one_mask():
    values = _values(diagnostics.frame_info('n: frame', _delivery()))
    assert values['sensors'] == values['adapter'] == 'rgb+depth'
    assert (values['reference'], values['switched']) == ('rgb', 'True')
    assert [values[f'{name}_ms'] for name in ('skew', 'wait', 'inference')] == ['2', '20', '15']
    assert (values['end_to_end_ms'], values['age_ms']) == ('40', '50')
    assert values['degraded'] == 'none'


SLOW = dict.fromkeys(Modality, Reason.SLOW) | {Modality.THERMAL: Reason.SILENT}


def test_a_mask_from_degraded_sensors_is_marked():
    info = diagnostics.frame_info('n: frame', _delivery(reasons=SLOW))
    assert (info.level, _values(info)['degraded']) == (b'\x01', 'rgb+depth')
    state = State.after(None, _report(SLOW), ModalitySet.parse('rgb+depth'))
    status = diagnostics.modality_state('n: modality', state)
    assert (status.level, _values(status)['degraded']) == (b'\x02', 'rgb+depth')
    assert status.message.startswith('rgb+depth degraded, rgb: SLOW')


def test_the_output_warns_of_degraded_masks():
    deliveries = Deliveries()
    deliveries.add(_delivery())
    deliveries.add(_delivery(reasons=SLOW))
    summary = deliveries.summary(150 * MS)
    engine = EngineState('OpenVINO', '', True, {'overload': 0})
    status = diagnostics.output_status('n', engine, summary)
    assert (status.level, summary['degraded_hz']) == (b'\x01', 1)
    assert status.message.startswith('2 masks in the last second, 1 of them from degraded sensors')


def test_the_summary_counts_the_last_second():
    deliveries = Deliveries()
    assert deliveries.summary(0) == {'masks': 0, 'mask_hz': 0, 'degraded_hz': 0}
    for number in range(20):
        at_ns = number * 100 * MS
        deliveries.add(_delivery(opened_ns=at_ns - 40 * MS, published_ns=at_ns))
    summary = deliveries.summary(1900 * MS)
    assert (summary['masks'], summary['mask_hz']) == (20, 10)
    assert summary['end_to_end_ms_p50'] == pytest.approx(40)


def test_masks_of_before_a_bag_began_anew_are_not_recent():
    deliveries = Deliveries()
    for number in range(20):
        deliveries.add(_delivery(published_ns=10_000 * MS + number * 100 * MS))
    assert deliveries.summary(50 * MS)['mask_hz'] == 0


@pytest.mark.parametrize(
    ('is_enabled', 'mask_hz', 'level', 'text'),
    [
        (True, 30, b'\x00', '30 masks'),
        (True, 0, b'\x01', 'no mask'),
        (False, 0, b'\x01', '~/enable'),
    ],
)
def test_the_output_says_why_there_are_no_masks(is_enabled, mask_hz, level, text):
    engine = EngineState('OpenVINO', '', is_enabled, {'overload': 0})
    status = diagnostics.output_status('n', engine, {'mask_hz': mask_hz, 'degraded_hz': 0})
    assert (status.level, text in status.message) == (level, True)


def test_an_engine_that_is_too_slow_is_told_without_alarm():
    engine = EngineState('OpenVINO', '', True, {'overload': 4})
    status = diagnostics.output_status('n', engine, {'mask_hz': 9, 'degraded_hz': 0})
    assert (status.level, status.message.count('4 frame sets skipped')) == (b'\x00', 1)
    assert _values(status) == {'mask_hz': '9', 'degraded_hz': '0', 'overload': '4'}


def test_an_overloaded_node_says_so_first():
    engine = EngineState('OpenVINO', '', True, {'overload': 4})
    summary = {'mask_hz': 9, 'degraded_hz': 0}
    status = diagnostics.output_status('n', engine, summary, overload='too much; end other work')
    assert status.level == b'\x01'
    assert status.message.startswith('OVERLOADED: too much; end other work; 9 masks')


@pytest.mark.parametrize(
    ('failures', 'trouble', 'level', 'text'),
    [
        (0, '', b'\x00', 'OpenVINO'),
        (2, '', b'\x01', '2 inferences failed'),
        (4, 'inference failed with rgb', b'\x02', 'inference failed with rgb; deactivate'),
    ],
)
def test_the_engine_says_whether_it_works(failures, trouble, level, text):
    engine = EngineState('OpenVINO', trouble, True, {'engine_failures': failures})
    status = diagnostics.engine_status('n', engine, {'bundle': 'sim'})
    assert (status.level, text in status.message) == (level, True)
    assert _values(status) == {'failures': str(failures), 'bundle': 'sim'}


def test_a_paused_clock_is_part_of_the_state():
    before = State.after(None, _report({}), COMPLETE)
    state = State.after(before, _report({}), COMPLETE, is_paused=True)
    assert state.gist != before.gist
    status = diagnostics.modality_state('n: modality', state)
    assert _values(status)['clock'] == 'paused'
    assert status.message == 'rgb+thermal+depth, /clock stands still'
