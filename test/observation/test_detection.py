# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is judged right and wrong of what a node says, on states written by hand."""

import pytest

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.observation.detection import false_alarms, Outcome, outcomes
from mm_robust_seg.observation.episodes import episodes
from mm_robust_seg.observation.record import (
    MaskRecord,
    PhaseRecord,
    RunRecord,
    Stamped,
    StateRecord,
)
from mm_robust_seg.simulation.faults import Fault

RGB, THERMAL, DEPTH = Modality
MS = 1_000_000
PERIOD = 33 * MS
IN_USE = {'OK', 'FFC', 'LOSSY', 'SKEW', 'SLOW'}


def said(at_ms, active=None, **reasons):
    known = {m: Reason(reasons.get(str(m), 'OK')) for m in Modality}
    usable = ModalitySet(m for m, reason in known.items() if str(reason) in IN_USE)
    return StateRecord(at_ms * MS, usable if active is None else active, known)


def phase(start_ms, length_ms, faults=None, rig_fault=None):
    times_ns = (start_ms * MS, (start_ms + length_ms) * MS, start_ms * MS)
    return PhaseRecord('', *times_ns, faults or {}, rig_fault)


def silent(start_ms=1000):
    return phase(start_ms, 500, {THERMAL: Fault.SILENT})


def judged(one: PhaseRecord, states: list[StateRecord], **more) -> Outcome:
    [outcome] = outcomes(RunRecord(phases=[one], states=states, **more))
    return outcome


def test_latency_counts_from_the_first_missing_image():
    messages = [said(900), said(1050), said(1120, thermal='SILENT'), said(1300, thermal='SILENT')]
    result = judged(silent(), messages)
    assert (result.latency_ms, result.first) == (120.0, Reason.SILENT)
    assert result.is_right and result.was_ready and not result.others


def test_another_reason_first_is_wrong_though_the_right_one_follows():
    messages = [said(900), said(1100, thermal='LOSSY'), said(1200, thermal='SILENT')]
    result = judged(silent(), messages)
    assert not result.is_right
    assert (result.first, result.latency_ms) == (Reason.LOSSY, 200.0)


def captured(missing, unseen=()):
    """Return images from 1 s on at 30 Hz, thermal ones missing, and some that nobody received."""
    stamps = [1000 * MS + k * PERIOD for k in range(30) if k not in unseen]
    lossy = [stamp_ns for stamp_ns in stamps if (stamp_ns - stamps[0]) // PERIOD not in missing]
    return {
        m: [Stamped(stamp_ns, stamp_ns) for stamp_ns in some]
        for m, some in zip(Modality, (stamps, lossy, stamps), strict=True)
    }


@pytest.mark.parametrize(
    ('missing', 'unseen', 'right'),
    [
        (range(5, 8), (), True),
        (range(7, 15), (), True),
        (range(5, 7), (), False),
        (range(20, 25), (), False),
        (range(8, 15), (), False),
        ((5,), range(6, 9), False),
    ],
    ids=['ended', 'running', 'short', 'later', 'hardly begun', 'not seen by the listener'],
)
def test_lost_images_may_be_a_silence_first_only_if_there_was_one(missing, unseen, right):
    lossy = phase(1000, 1000, {THERMAL: Fault.LOSSY})
    images = captured(missing, unseen)
    messages = [said(900), said(1325, thermal='SILENT'), said(1800, thermal='LOSSY')]
    result = judged(lossy, messages, frames=images)
    assert (result.is_right, result.was_silent_first) == (right, right)
    assert not judged(lossy, messages[:2], frames=images).is_right


@pytest.mark.parametrize(
    ('fault', 'active', 'wrong'),
    [
        (Fault.DARK, COMPLETE, 'DARK but in use'),
        (Fault.DARK, COMPLETE - {RGB}, ''),
        (Fault.LOSSY, COMPLETE, ''),
        (Fault.LOSSY, COMPLETE - {RGB}, 'LOSSY but out of use'),
        (Fault.SKEW, COMPLETE - {RGB}, 'SKEW but out of use'),
        (Fault.SLOW, COMPLETE, ''),
        (Fault.SLOW, COMPLETE - {RGB}, ''),
        (Fault.OUT_OF_ORDER, COMPLETE, ''),
        (Fault.OUT_OF_ORDER, COMPLETE - {RGB}, 'out of use without a reason'),
    ],
)
def test_a_sensor_leaves_the_combination_if_and_only_if_its_reason_fails_it(fault, active, wrong):
    trial = phase(1000, 1000, {RGB: fault})
    result = judged(trial, [said(900), said(1100, active, rgb=fault.reason)])
    assert (result.wrong, result.is_right) == (wrong, not wrong)


@pytest.mark.parametrize(
    ('made_ms', 'sensors', 'is_right'),
    [
        (1150, COMPLETE, True),
        (1400, COMPLETE, False),
        (1400, COMPLETE - {THERMAL}, True),
        (1600, COMPLETE, True),
    ],
    ids=['in hand', 'after the verdict', 'without it', 'after the fault'],
)
def test_no_mask_is_made_from_a_sensor_that_is_out(made_ms, sensors, is_right):
    masks = [MaskRecord((made_ms - 300) * MS, made_ms * MS, sensors)]
    messages = [said(900), said(1120, thermal='SILENT')]
    assert judged(silent(), messages, masks=masks).is_right is is_right


def test_a_verdict_after_the_fault_is_too_late():
    result = judged(silent(), [said(900), said(1600, thermal='SILENT')])
    assert result.latency_ms is None and not result.is_right


def test_a_well_sensor_that_is_blamed_is_named():
    messages = [said(900, rgb='SLOW'), said(1100, rgb='SLOW', depth='FLAT', thermal='SILENT')]
    assert judged(silent(), messages).others == ('depth: FLAT',)


def test_a_sensor_that_is_not_well_at_the_start_makes_no_trial():
    messages = [said(900, thermal='RECOVERING'), said(1100, thermal='SILENT')]
    result = judged(silent(), messages)
    assert not result.was_ready
    out = judged(silent(), [said(900, COMPLETE - {THERMAL}), *messages[1:]])
    assert not out.was_ready
    assert not judged(silent(6000), [said(900)]).was_ready


def jumped(*messages):
    """Judge a jump at 2 s, before another at 4 s."""
    jumps = [phase(at_ms, 500, rig_fault=Fault.CLOCK_JUMP) for at_ms in (2000, 4000)]
    run = [jumps[0], phase(2500, 1500), jumps[1]]
    return outcomes(RunRecord(phases=run, states=[said(1500), *messages]))[0]


@pytest.mark.parametrize(('reason', 'right'), [('OK', True), ('WAITING', True), ('CLOCK', False)])
def test_for_a_jump_of_the_clock_nobody_may_be_blamed(reason, right):
    result = jumped(said(2100, depth=reason), said(2900))
    assert result.is_right is right and result.was_ready
    assert result.episode.modality is None and not result.others
    assert jumped(said(2900), said(3800, depth=reason), said(3850)).is_right is right


@pytest.mark.parametrize(
    'after',
    [
        [],
        [said(2100)],
        [said(2100), said(2900, rgb='WAITING')],
        [said(2900, COMPLETE - {RGB})],
        [said(4100)],
        [StateRecord(2900 * MS, ModalitySet(), {})],
    ],
    ids=['mute', 'before it settled', 'waits', 'unused', 'after the next jump', 'inactive'],
)
def test_after_a_jump_of_the_clock_the_node_must_say_that_all_is_well(after):
    assert jumped(*after).wrong == 'not all OK again'


@pytest.mark.parametrize(('at_ms', 'is_ready'), [(1990, True), (1800, False)])
def test_a_jump_of_the_clock_may_be_felt_just_before_the_rig_tells_of_it(at_ms, is_ready):
    waits = said(at_ms, rgb='WAITING', thermal='WAITING', depth='WAITING')
    assert jumped(waits, said(2900)).was_ready is is_ready


def test_false_alarms_count_once_each():
    clean = phase(1000, 10_000)
    messages = [
        said(900),
        said(2000),
        said(3000, depth='LOSSY'),
        said(4000, depth='LOSSY'),
        said(20_000, depth='FLAT'),
    ]
    assert list(false_alarms([clean], messages)) == ['depth: LOSSY after 2.0 s']


@pytest.mark.parametrize(
    ('before', 'alarm'),
    [
        ([said(900, rgb='SLOW')], 'rgb: SLOW, at the start'),
        ([said(900, rgb='WAITING')], 'rgb: WAITING, not in use, at the start'),
        ([said(900, COMPLETE - {RGB})], 'rgb: OK, not in use, at the start'),
        ([said(900, rgb='DISABLED')], None),
        ([StateRecord(900 * MS, ModalitySet(), {})], 'no sensor watched, at the start'),
        ([], 'no state from the node, at the start'),
        ([said(-5000)], 'no state from the node, at the start'),
    ],
    ids=['accused', 'waits', 'unused', 'disabled', 'inactive', 'mute', 'long ago'],
)
def test_a_clean_phase_begins_with_a_state_in_which_all_is_well(before, alarm):
    after = [said(k, **{str(m): r for m, r in s.reasons.items()}) for s in before for k in (1900,)]
    found = list(false_alarms([phase(1000, 10_000)], [*before, *after]))
    assert found == ([alarm] if alarm else [])


def test_a_sensor_that_only_recovers_may_be_complained_about_again():
    silent = phase(1000, 500, {RGB: Fault.SILENT})
    after = said(1100, rgb='SILENT', thermal='SLOW')
    assert judged(silent, [said(990), after]).others == ('thermal: SLOW',)
    assert judged(silent, [said(990, thermal='RECOVERING'), after]).others == ()


def test_a_second_fault_of_another_sensor_is_no_bystander():
    faults = {THERMAL: Fault.SILENT, DEPTH: Fault.FLAT}
    messages = [said(900), said(1100, thermal='SILENT', depth='FLAT', rgb='DARK')]
    found = outcomes(RunRecord(phases=[phase(1000, 500, faults)], states=messages))
    assert [outcome.others for outcome in found] == [('rgb: DARK',)] * 2


def test_the_reasons_of_a_sensor_are_those_from_the_start_of_its_fault_on():
    messages = [said(900), said(1100, rgb='DARK'), said(1120, thermal='LOSSY'),
                said(1200, thermal='SILENT'), said(1600, thermal='RECOVERING')]  # fmt: skip
    assert judged(silent(), messages).reasons == (Reason.OK, Reason.LOSSY, Reason.SILENT)


def test_a_fault_lasts_as_long_as_phases_in_a_row_have_it():
    dark = {RGB: Fault.DARK}
    run = [phase(0, 500, dark), phase(500, 500, dark), phase(1000, 500), phase(1500, 500, dark)]
    spans = [(e.start_ns // MS, e.end_ns // MS) for e in episodes(run)]
    assert spans == [(0, 1000), (1500, 2000)]
