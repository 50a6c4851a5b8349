"""The plans and the scores of bench_faults and soak, on messages written by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks import fault_plan, fault_report, soak_report
from benchmarks.fault_heard import Heard, Played, Said, Stamped
from benchmarks.fault_plan import CLEAN, COMPARE, GOOD, Stretch, TRIAL
from benchmarks.fault_score import alarms, Outcome, outcome, percentile, shares
from benchmarks.process_use import Use
from benchmarks.soak_report import memory_slope, Sample, Soak
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import from_tree
from mm_robust_seg.simulation.faults import Fault
from mm_robust_seg.simulation.scenario import Scenario

RGB, THERMAL, DEPTH = Modality
MS = 1_000_000
PERIOD = 33 * MS
SILENT = Stretch(TRIAL, 0.5, {THERMAL: Fault.SILENT})


IN_USE = {'OK', 'FFC', 'LOSSY', 'SKEW', 'SLOW'}


def said(at_ms, active=None, **reasons):
    known = {m: Reason(reasons.get(str(m), 'OK')) for m in Modality}
    usable = ModalitySet(m for m, reason in known.items() if str(reason) in IN_USE)
    return Said(at_ms * MS, usable if active is None else active, known)


def stamped(stamps, delay_ms=10):
    return [Stamped(stamp_ns, stamp_ns + delay_ms * MS) for stamp_ns in stamps]


def played(stretch, start_ms):
    end_ms = start_ms + round(stretch.duration_s * 1e3)
    return Played(stretch, start_ms * MS, end_ms * MS, start_ms * MS)


def judged(one: Played, messages: list[Said], **heard) -> Outcome:
    return outcome(one, Heard(played=[one], said=messages, **heard))


@pytest.mark.parametrize('count', [1, 3])
def test_every_fault_of_a_sensor_is_tried_as_often_as_told(count):
    plan = fault_plan.trials(count, np.random.default_rng(0))
    tried = [fault for stretch in plan for fault in stretch.faults.values()]
    assert sorted(map(str, tried)) == sorted(count * [str(f) for f in fault_plan.SENSOR_FAULTS])


def plans():
    rng = np.random.default_rng(1)
    yield fault_plan.trials(3, rng)
    yield fault_plan.random_faults(300.0, rng)


@pytest.mark.parametrize('plan', plans(), ids=['trials', 'soak'])
def test_a_sensor_rests_between_its_faults_and_never_two_fail_at_once(plan):
    ended_s, now_s = {}, 0.0
    for stretch in plan:
        assert len(stretch.faults) <= 1
        for modality, fault in stretch.faults.items():
            assert modality in fault.applies_to
            assert now_s - ended_s.get(modality, -10.0) > 3.0
            ended_s[modality] = now_s + stretch.duration_s
        now_s += stretch.duration_s
    assert not any(a.faults and b.faults for a, b in pairwise(plan))


def test_plans_are_scenarios_of_the_rig():
    rng = np.random.default_rng(2)
    plan = [
        *fault_plan.trials(1, rng),
        *fault_plan.comparison(),
        *fault_plan.clock_trials(1, rng),
        *fault_plan.clean(9.0),
    ]
    content = fault_plan.scenario(plan, 3, jitter_ratio=0.2, rates_hz={'thermal': 9.0})
    scenario = from_tree(Scenario, content)
    assert scenario.duration_s == pytest.approx(fault_plan.duration_s(plan), abs=0.1)
    assert scenario.jitter_ratio == 0.2 and scenario.moves_clock
    kinds = [{m: spec.kind for m, spec in phase.faults.items()} for phase in scenario.phases]
    assert kinds == [dict(stretch.faults) for stretch in plan]
    assert fault_plan.needs_reliability(plan)
    assert not fault_plan.needs_reliability(fault_plan.comparison())


def test_the_comparison_has_every_combination():
    live = [s.live for s in fault_plan.comparison() if s.kind == COMPARE]
    assert sorted(map(str, live)) == sorted(map(str, all_combinations()))


def test_the_same_seed_gives_the_same_soak():
    one, two = (fault_plan.random_faults(120.0, np.random.default_rng(5)) for _ in range(2))
    assert one == two
    assert fault_plan.duration_s(one) >= 120.0
    assert {s.kind for s in one} == {GOOD, TRIAL, CLEAN}


def test_latency_counts_from_the_first_missing_image():
    messages = [said(900), said(1050), said(1120, thermal='SILENT'), said(1300, thermal='SILENT')]
    result = judged(played(SILENT, 1000), messages)
    assert (result.latency_ms, result.first) == (120.0, Reason.SILENT)
    assert result.is_right and result.was_ready and not result.others


def test_another_reason_first_is_wrong_though_the_right_one_follows():
    messages = [said(900), said(1100, thermal='LOSSY'), said(1200, thermal='SILENT')]
    result = judged(played(SILENT, 1000), messages)
    assert not result.is_right
    assert (result.first, result.latency_ms) == (Reason.LOSSY, 200.0)


def captured(missing, unheard=()):
    """Return images from 1 s on at 30 Hz, thermal ones missing, and some that nobody heard."""
    stamps = [1000 * MS + k * PERIOD for k in range(30) if k not in unheard]
    lossy = [stamp_ns for stamp_ns in stamps if (stamp_ns - stamps[0]) // PERIOD not in missing]
    return {RGB: stamps, THERMAL: lossy, DEPTH: stamps}


@pytest.mark.parametrize(
    ('missing', 'unheard', 'right'),
    [
        (range(5, 8), (), True),
        (range(7, 15), (), True),
        (range(5, 7), (), False),
        (range(20, 25), (), False),
        (range(8, 15), (), False),
        ((5,), range(6, 9), False),
    ],
    ids=['ended', 'running', 'short', 'later', 'hardly begun', 'not heard by the observer'],
)
def test_lost_images_may_be_a_silence_first_only_if_there_was_one(missing, unheard, right):
    lossy = played(Stretch(TRIAL, 1.0, {THERMAL: Fault.LOSSY}), 1000)
    images = captured(missing, unheard)
    messages = [said(900), said(1325, thermal='SILENT'), said(1800, thermal='LOSSY')]
    result = judged(lossy, messages, images=images)
    assert (result.is_right, result.was_silent_first) == (right, right)
    summary = fault_report.by_fault([result])['lossy']
    assert (summary['right'], summary['silent_first']) == (right, right)
    assert not judged(lossy, messages[:2], images=images).is_right


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
    trial = played(Stretch(TRIAL, 1.0, {RGB: fault}), 1000)
    result = judged(trial, [said(900), said(1100, active, rgb=fault.reason)])
    assert (result.wrong, result.is_right) == (wrong, not wrong)
    assert fault_report.by_fault([result])[str(fault)]['wrong_reasons'] == [wrong] * bool(wrong)


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
    used = {Stamped((made_ms - 300) * MS, made_ms * MS): sensors}
    messages = [said(900), said(1120, thermal='SILENT')]
    assert judged(played(SILENT, 1000), messages, used=used).is_right is is_right


def test_a_verdict_after_the_fault_is_too_late():
    result = judged(played(SILENT, 1000), [said(900), said(1600, thermal='SILENT')])
    assert result.latency_ms is None and not result.is_right


def test_a_well_sensor_that_is_blamed_is_named():
    messages = [said(900, rgb='SLOW'), said(1100, rgb='SLOW', depth='FLAT', thermal='SILENT')]
    assert judged(played(SILENT, 1000), messages).others == ('depth: FLAT',)


def test_a_sensor_that_is_not_well_at_the_start_makes_no_trial():
    messages = [said(900, thermal='RECOVERING'), said(1100, thermal='SILENT')]
    result = judged(played(SILENT, 1000), messages)
    assert not result.was_ready
    out = judged(played(SILENT, 1000), [said(900, COMPLETE - {THERMAL}), *messages[1:]])
    assert not out.was_ready
    assert not judged(played(SILENT, 6000), [said(900)]).was_ready
    summary = fault_report.by_fault([result])['silent']
    assert (summary['trials'], summary['not_ready'], summary['p95_ms']) == (0, 1, None)


JUMP = Stretch(TRIAL, 0.5, rig_fault=Fault.CLOCK_JUMP)


def jumped(*messages):
    """Judge a jump at 2 s, before another at 4 s."""
    run = [played(JUMP, 2000), played(Stretch(GOOD, 1.5), 2500), played(JUMP, 4000)]
    return outcome(run[0], Heard(played=run, said=[said(1500), *messages]))


@pytest.mark.parametrize(('reason', 'right'), [('OK', True), ('WAITING', True), ('CLOCK', False)])
def test_for_a_jump_of_the_clock_nobody_may_be_blamed(reason, right):
    result = jumped(said(2100, depth=reason), said(2900))
    assert result.is_right is right and result.was_ready
    assert result.modality is None and not result.others
    assert jumped(said(2900), said(3800, depth=reason), said(3850)).is_right is right


@pytest.mark.parametrize(
    'after',
    [
        [],
        [said(2100)],
        [said(2100), said(2900, rgb='WAITING')],
        [said(2900, COMPLETE - {RGB})],
        [said(4100)],
        [Said(2900 * MS, ModalitySet(), {})],
    ],
    ids=['mute', 'before it settled', 'waits', 'unused', 'after the next jump', 'inactive'],
)
def test_after_a_jump_of_the_clock_the_node_must_say_that_all_is_well(after):
    assert jumped(*after).wrong == 'not all OK again'


@pytest.mark.parametrize(('at_ms', 'is_ready'), [(1990, True), (1800, False)])
def test_a_jump_of_the_clock_may_be_felt_just_before_the_rig_tells_of_it(at_ms, is_ready):
    waits = said(at_ms, rgb='WAITING', thermal='WAITING', depth='WAITING')
    assert jumped(waits, said(2900)).was_ready is is_ready


@pytest.mark.parametrize(('dead_s', 'is_met'), [((2.0, 2.4), True), ((2.6, 3.0), False)])
def test_masks_go_on_once_a_jump_of_the_clock_has_settled(dead_s, is_met):
    starts_ms = {0: 0, 2000: -3000, 2500: -2500}
    stretches = [Stretch(GOOD, 2.0), JUMP, Stretch(GOOD, 9.5)]
    run = [
        Played(stretch, first * MS, first * MS + round(stretch.duration_s * 1e9), at * MS)
        for stretch, (at, first) in zip(stretches, starts_ms.items(), strict=True)
    ]
    came = range(0, 12_000 * MS, PERIOD)
    truths = [Stamped(at - 5000 * MS * (at >= 2000 * MS), at) for at in came]
    made = [s for s in truths if not dead_s[0] * 1e9 <= s.arrival_ns < dead_s[1] * 1e9]
    heard = Heard(played=run, truths=truths, masks=made, used=dict.fromkeys(made, COMPLETE))
    share = fault_report.clean_share(heard, PERIOD)
    assert 280 < share.captures < 300
    assert fault_report.mask_verdict('clock', share).is_met is is_met


def test_a_mask_does_not_answer_the_capture_whose_stamp_comes_again():
    first, again = Stamped(0, 0), Stamped(0, 5000 * MS)
    stretch = played(Stretch(GOOD, 6.0), 0)
    heard = Heard(truths=[first, again], masks=[first], used={first: COMPLETE})
    assert shares([stretch], heard, PERIOD).labeled == 0.5


def test_every_fault_of_the_clock_moves_it_by_more_than_a_second():
    plan = fault_plan.clock_trials(10, np.random.default_rng(3))
    scenario = from_tree(Scenario, fault_plan.scenario(plan, 3))
    starts_s = [phase.start_s for phase in scenario.phases if phase.rig_fault]
    moved_s = [scenario.shift_s(at_s) - scenario.shift_s(at_s - 0.01) for at_s in starts_s]
    assert len(moved_s) == 20 and max(moved_s) < -1


def test_false_alarms_count_once_each():
    clean = played(Stretch(CLEAN, 10.0), 1000)
    messages = [
        said(900),
        said(2000),
        said(3000, depth='LOSSY'),
        said(4000, depth='LOSSY'),
        said(20_000, depth='FLAT'),
    ]
    assert alarms([clean], messages) == ['depth: LOSSY after 2.0 s']


@pytest.mark.parametrize(
    ('before', 'alarm'),
    [
        ([said(900, rgb='SLOW')], 'rgb: SLOW, at the start'),
        ([said(900, rgb='WAITING')], 'rgb: WAITING, not in use, at the start'),
        ([said(900, COMPLETE - {RGB})], 'rgb: OK, not in use, at the start'),
        ([said(900, rgb='DISABLED')], None),
        ([Said(900 * MS, ModalitySet(), {})], 'no sensor watched, at the start'),
        ([], 'no word of the node, at the start'),
        ([said(-5000)], 'no word of the node, at the start'),
    ],
    ids=['accused', 'waits', 'unused', 'disabled', 'inactive', 'mute', 'long ago'],
)
def test_a_clean_stretch_begins_with_the_word_that_all_is_well(before, alarm):
    after = [said(k, **{str(m): r for m, r in s.reasons.items()}) for s in before for k in (1900,)]
    found = alarms([played(Stretch(CLEAN, 10.0), 1000)], [*before, *after])
    assert found == ([alarm] if alarm else [])


def test_captures_without_a_mask_lower_the_share():
    stretch = played(Stretch(COMPARE, 0.33), 0)
    stamps = [k * PERIOD for k in range(12)]
    masks = stamped(stamps[:9], 30)
    heard = Heard(truths=stamped(stamps), masks=masks)
    heard.baseline = stamped(t + 2 * MS for t in stamps[:5])
    heard.used = dict.fromkeys(masks, ModalitySet([RGB])) | {masks[0]: ModalitySet()}
    share = shares([stretch], heard, PERIOD)
    assert (share.captures, share.masks, share.labeled, share.baseline) == (10, 0.9, 0.8, 0.5)
    heard.used |= dict.fromkeys(stamped(stamps, 31), COMPLETE)
    assert shares([stretch], heard, PERIOD).labeled == 0.9  # told, but no mask came


def test_a_percentile_is_an_observed_value():
    assert percentile([1.0, None, 3.0, 2.0], 50) == 2.0
    assert percentile([1.0, 2.0], 95) == 2.0
    assert percentile([None], 50) is None


def samples(growth_mib_per_min, minutes=15, noise_mib=2.0, kind=CLEAN, threads=30):
    rng = np.random.default_rng(0)
    times_s = range(60 * minutes)
    rss = [500 + growth_mib_per_min * t / 60 + rng.normal(0, noise_mib) for t in times_s]
    return [Sample(t, kind, Use(r, 0.0, threads, 35)) for t, r in zip(times_s, rss, strict=True)]


def soak(given, messages=(), states=('active',), unanswered=0, cycle=(), sensors=COMPLETE):
    heard = Heard(played=[played(Stretch(CLEAN, 900.0), 0)], said=[said(-500), *messages])
    heard.truths = heard.masks = stamped(k * PERIOD for k in range(900))
    heard.used = dict.fromkeys(heard.masks, sensors)
    return Soak(heard, given, list(states), unanswered, list(cycle), PERIOD)


def missed(given):
    return [verdict.name for verdict in soak_report.verdicts(given) if not verdict.is_met]


@pytest.mark.parametrize(('growth', 'is_flat'), [(0.0, True), (0.05, True), (0.5, False)])
def test_memory_that_grows_fails_the_soak(growth, is_flat):
    given = samples(growth)
    slope = memory_slope(given)
    assert slope is not None and slope.low < growth < slope.high
    assert missed(soak(given)) == ([] if is_flat else ['memory'])


def test_a_short_soak_cannot_tell_about_memory():
    assert memory_slope(samples(5.0)[:150]) is None
    assert memory_slope(samples(5.0)[:200]) is not None


def test_threads_that_grow_fail_the_soak():
    assert missed(soak([*samples(0), *samples(0, threads=31)])) == ['threads']


@pytest.mark.parametrize(
    'trouble',
    [{'states': ['active', 'inactive', 'active']}, {'unanswered': 1}, {'cycle': ['cleanup']}],
    ids=str,
)
def test_a_lost_lifecycle_state_fails_the_soak(trouble):
    assert missed(soak(samples(0), **trouble)) == ['lifecycle']


def test_a_false_alarm_fails_the_soak():
    given = soak(samples(0), [said(500), said(900, rgb='DARK')])
    assert missed(given) == ['false alarms, clean stretches']


def test_unlabeled_masks_in_clean_stretches_fail_the_soak():
    given = soak(samples(0), sensors=ModalitySet())
    assert missed(given) == ['masks made from a sensor, clean stretches']


@pytest.mark.parametrize(
    ('messages', 'names'),
    [
        ([], ['faults detected', 'right reason first']),
        ([said(901_100, thermal='SILENT')], []),
        (
            [said(901_100, thermal='DARK'), said(901_200, thermal='SILENT')],
            ['right reason first'],
        ),
        ([said(901_100, COMPLETE, thermal='SILENT')], ['right reason first']),
        ([said(901_100, rgb='SLOW', thermal='SILENT')], ['well sensors blamed']),
    ],
    ids=['nothing', 'right', 'wrong first', 'used on', 'bystander'],
)
def test_every_fault_of_the_soak_is_judged(messages, names):
    given = soak(samples(0), [said(900_100), *messages])
    given.heard.played.append(played(SILENT, 901_000))
    assert missed(given) == names


def test_what_a_soak_was_too_short_for_is_not_called_met():
    given = {v.name: v for v in soak_report.verdicts(soak(samples(5.0)[:40]))}
    open_ends = {name for name, verdict in given.items() if not verdict.is_judged}
    assert open_ends >= {'memory', 'right reason first'} and 'threads' not in open_ends
    assert str(given['memory']) == 'not judged: memory: too short to tell'
    assert missed(soak(samples(5.0)[:40])) == []


def test_a_sensor_that_is_never_used_again_fails_the_soak():
    given = soak(samples(0), [said(900_100, thermal=Reason.FROZEN)])
    given.heard.played.append(played(SILENT, 901_000))
    assert missed(given) == ['faults that met a sensor in use']


def test_the_report_says_what_was_missed():
    rows = fault_report.by_fault([judged(played(SILENT, 1000), [said(900), said(1100)])])
    verdicts = {v.name: v for v in fault_report.detection_verdicts(rows, 30.0)}
    assert not verdicts['right reason'].is_met
    assert verdicts['silent p95'].measured == 'never detected'
    assert 'silent p95' not in {v.name for v in fault_report.detection_verdicts(rows, 15.0)}
    assert fault_report.picture(rows, 30.0).startswith(b'\x89PNG')


def test_a_sensor_that_only_recovers_may_be_complained_about_again():
    silent = played(Stretch(TRIAL, 0.5, {Modality.RGB: Fault.SILENT}), 1000)
    after = said(1100, rgb='SILENT', thermal='SLOW')
    assert judged(silent, [said(990), after]).others == ('thermal: SLOW',)
    assert judged(silent, [said(990, thermal='RECOVERING'), after]).others == ()
