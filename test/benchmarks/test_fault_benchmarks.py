# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The plans and the verdicts of bench_faults and soak, on records written by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.faults import plan as fault_plan
from benchmarks.faults import report as fault_report
from benchmarks.faults import soak_report
from benchmarks.faults.plan import CLEAN, COMPARE, GOOD, TRIAL
from benchmarks.faults.shares import clean_share, compared_shares, Measured
from benchmarks.faults.soak_report import memory_slope, Sample, Soak
from benchmarks.process_use import Use
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet
from mm_robust_seg.observation.detection import Outcome, outcomes
from mm_robust_seg.observation.episodes import Episode
from mm_robust_seg.observation.record import (
    MaskRecord,
    PhaseRecord,
    RunRecord,
    Stamped,
    StateRecord,
)
from mm_robust_seg.schema import from_tree
from mm_robust_seg.simulation.faults import Fault
from mm_robust_seg.simulation.scenario import Scenario

RGB, THERMAL, DEPTH = Modality
RATES_HZ = {RGB: 30.0, THERMAL: 9.0, DEPTH: 15.0}
MS = 1_000_000
PERIOD = 33 * MS


def state(at_ms, active=None, **reasons):
    known = {m: Reason(reasons.get(str(m), 'OK')) for m in Modality}
    usable = ModalitySet(m for m, reason in known.items() if reason is Reason.OK)
    return StateRecord(at_ms * MS, usable if active is None else active, known)


def stamped(stamps, delay_ms=10):
    return [Stamped(stamp_ns, stamp_ns + delay_ms * MS) for stamp_ns in stamps]


def masks_of(captures, sensors=COMPLETE):
    return [MaskRecord(*capture, sensors) for capture in captures]


def phase(name, start_ms, length_ms, faults=None, rig_fault=None, at_ms=None):
    start_ns, end_ns = start_ms * MS, (start_ms + length_ms) * MS
    arrival_ns = start_ns if at_ms is None else at_ms * MS
    return PhaseRecord(name, start_ns, end_ns, arrival_ns, faults or {}, rig_fault)


def silent_trial(start_ms):
    return phase(TRIAL, start_ms, 500, {THERMAL: Fault.SILENT})


@pytest.mark.parametrize('count', [1, 3])
def test_every_fault_of_a_sensor_is_tried_as_often_as_told(count):
    plan = fault_plan.trials(count, np.random.default_rng(0))
    tried = [fault for one in plan for fault in one.faults.values()]
    assert sorted(map(str, tried)) == sorted(count * [str(f) for f in fault_plan.SENSOR_FAULTS])


def plans():
    rng = np.random.default_rng(1)
    yield fault_plan.trials(3, rng)
    yield fault_plan.random_faults(300.0, rng)


@pytest.mark.parametrize('plan', plans(), ids=['trials', 'soak'])
def test_a_sensor_rests_between_its_faults_and_never_two_fail_at_once(plan):
    ended_s, now_s = {}, 0.0
    for one in plan:
        assert len(one.faults) <= 1
        for modality, fault in one.faults.items():
            assert modality in fault.applies_to
            assert now_s - ended_s.get(modality, -10.0) > 3.0
            ended_s[modality] = now_s + one.duration_s
        now_s += one.duration_s
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
    assert kinds == [dict(one.faults) for one in plan]
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


@pytest.mark.parametrize(('dead_s', 'is_met'), [((2.0, 2.4), True), ((2.6, 3.0), False)])
def test_masks_go_on_once_a_jump_of_the_clock_has_settled(dead_s, is_met):
    run = [
        phase(GOOD, 0, 2000),
        phase(TRIAL, -3000, 500, rig_fault=Fault.CLOCK_JUMP, at_ms=2000),
        phase(GOOD, -2500, 9500, at_ms=2500),
    ]
    came = range(0, 12_000 * MS, PERIOD)
    captures = [Stamped(at - 5000 * MS * (at >= 2000 * MS), at) for at in came]
    made = [s for s in captures if not dead_s[0] * 1e9 <= s.arrival_ns < dead_s[1] * 1e9]
    record = RunRecord(phases=run, captures=captures, masks=masks_of(made))
    share = clean_share(Measured(record))
    assert 280 < share.captures < 300
    assert fault_report.mask_verdict('clock', share).is_met is is_met


def test_every_fault_of_the_clock_moves_it_by_more_than_a_second():
    plan = fault_plan.clock_trials(10, np.random.default_rng(3))
    scenario = from_tree(Scenario, fault_plan.scenario(plan, 3))
    starts_s = [phase.start_s for phase in scenario.phases if phase.rig_fault]
    moved_s = [scenario.shift_s(at_s) - scenario.shift_s(at_s - 0.01) for at_s in starts_s]
    assert len(moved_s) == 20 and max(moved_s) < -1


def test_captures_without_a_mask_lower_the_share():
    stamps = [k * PERIOD for k in range(12)]
    masks = masks_of(stamped(stamps[:9], 30), ModalitySet([RGB]))
    masks[0] = masks_of(stamped(stamps[:1], 30), ModalitySet())[0]
    record = RunRecord(phases=[phase(COMPARE, 0, 330)], captures=stamped(stamps), masks=masks)
    baseline = stamped(t + 2 * MS for t in stamps[:5])
    share = compared_shares(Measured(record, baseline))['rgb+thermal+depth']
    assert (share.captures, share.answered) == (10, 0.9)
    assert (share.availability, share.baseline) == (0.8, 0.5)


def samples(growth_mib_per_min, minutes=15, noise_mib=2.0, kind=CLEAN, threads=30):
    rng = np.random.default_rng(0)
    times_s = range(60 * minutes)
    rss = [500 + growth_mib_per_min * t / 60 + rng.normal(0, noise_mib) for t in times_s]
    return [Sample(t, kind, Use(r, 0.0, threads, 35)) for t, r in zip(times_s, rss, strict=True)]


def soak(given, messages=(), states=('active',), sensors=COMPLETE, trials=(), **trouble):
    captures = stamped(k * PERIOD for k in range(900))
    record = RunRecord(
        phases=[phase(CLEAN, 0, 900_000), *trials],
        states=[state(-500), *messages],
        captures=captures,
        masks=masks_of(captures, sensors),
    )
    lifecycle = {'unanswered': 0, 'cycle': (), **trouble}
    return Soak(record, given, list(states), **lifecycle)


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
    given = soak(samples(0), [state(500), state(900, rgb='DARK')])
    assert missed(given) == ['false alarms, clean phases']


def test_unlabeled_masks_in_clean_phases_fail_the_soak():
    given = soak(samples(0), sensors=ModalitySet())
    assert missed(given) == ['masks made from a sensor, clean phases']
    under_load = soak_report.verdicts(given, is_alone=False)
    assert all(verdict.is_met for verdict in under_load)
    assert [v.measured for v in under_load if v.name in missed(given)] == ['0.0% of 900 captures']
    assert not any(v.is_judged for v in under_load if v.name in missed(given))


@pytest.mark.parametrize(
    ('messages', 'names'),
    [
        ([], ['faults detected', 'right reason first']),
        ([state(901_100, thermal='SILENT')], []),
        (
            [state(901_100, thermal='DARK'), state(901_200, thermal='SILENT')],
            ['right reason first'],
        ),
        ([state(901_100, COMPLETE, thermal='SILENT')], ['right reason first']),
        ([state(901_100, rgb='SLOW', thermal='SILENT')], ['well sensors blamed']),
    ],
    ids=['nothing', 'right', 'wrong first', 'used on', 'bystander'],
)
def test_every_fault_of_the_soak_is_judged(messages, names):
    given = soak(samples(0), [state(900_100), *messages], trials=[silent_trial(901_000)])
    assert missed(given) == names


def test_what_a_soak_was_too_short_for_is_not_called_met():
    given = {v.name: v for v in soak_report.verdicts(soak(samples(5.0)[:40]))}
    open_ends = {name for name, verdict in given.items() if not verdict.is_judged}
    assert open_ends >= {'memory', 'right reason first'} and 'threads' not in open_ends
    assert str(given['memory']) == 'not judged: memory: too short to tell'
    assert missed(soak(samples(5.0)[:40])) == []


def test_a_sensor_that_is_never_used_again_fails_the_soak():
    frozen = state(900_100, thermal=Reason.FROZEN)
    given = soak(samples(0), [frozen], trials=[silent_trial(901_000)])
    assert missed(given) == ['faults that met a sensor in use']


def test_the_report_says_what_was_missed():
    record = RunRecord(phases=[silent_trial(1000)], states=[state(900), state(1100)])
    rows = fault_report.by_fault(outcomes(record), RATES_HZ)
    verdicts = {v.name: v for v in fault_report.detection_verdicts(rows)}
    assert not verdicts['right reason'].is_met
    assert verdicts['silent p95'].measured == 'never detected'
    assert fault_report.picture(rows).startswith(b'\x89PNG')


def test_a_slower_sensor_has_as_many_periods():
    found = [trial(latency_ms=400.0, fault=Fault.DARK), trial(latency_ms=440.0, fault=Fault.DARK)]
    rows = fault_report.by_fault(found, RATES_HZ)
    assert rows['dark']['detect_periods'] == pytest.approx([3.6, 3.96])
    verdicts = {v.name: v for v in fault_report.detection_verdicts(rows)}
    assert verdicts['dark p95'].is_met
    late = fault_report.by_fault([trial(latency_ms=600.0, fault=Fault.DARK)], RATES_HZ)
    assert not {v.name: v for v in fault_report.detection_verdicts(late)}['dark p95'].is_met


@pytest.mark.parametrize('rates_hz', [{}, RATES_HZ])
def test_a_fault_of_a_slower_sensor_lasts_longer(rates_hz):
    plan = fault_plan.trials(4, np.random.default_rng(0), rates_hz)
    lasts_s = {m: [p.duration_s for p in plan if m in p.faults] for m in (RGB, THERMAL)}
    longer = np.median(lasts_s[THERMAL]) / np.median(lasts_s[RGB])
    assert bool(longer > 2) is bool(rates_hz)


def test_the_stamps_of_a_slower_sensor_are_skewed_by_as_many_periods():
    rates_hz = {'thermal': 9.0, 'depth': 15.0}
    plan = fault_plan.trials(4, np.random.default_rng(0), RATES_HZ)
    faults = [p['faults'] for p in fault_plan.scenario(plan, 1, rates_hz)['phases']]
    offsets_s = {
        name: given['offset_s'] * rates_hz[name]
        for phase in faults
        for name, given in phase.items()
        if isinstance(given, dict)
    }
    assert offsets_s and all(periods == pytest.approx(-1.8) for periods in offsets_s.values())


def trial(fault=Fault.LOSSY, **changes):
    episode = Episode(TRIAL, fault, THERMAL, 0, 1)
    right = {'latency_ms': 900.0, 'first': Reason.LOSSY, 'reasons': (), 'others': ()}
    state = {'was_ready': True, 'was_silent_first': False, 'misuse': ''}
    return Outcome(episode, **{**right, **state, **changes})


def test_the_row_of_a_fault_counts_its_trials():
    found = [
        trial(),
        trial(first=Reason.SILENT, was_silent_first=True, latency_ms=950.0),
        trial(misuse='LOSSY but out of use', others=('rgb: SLOW',)),
        trial(was_ready=False, latency_ms=None, first=None),
    ]
    row = fault_report.by_fault(found, RATES_HZ)['lossy']
    assert (row['trials'], row['not_ready'], row['right'], row['silent_first']) == (3, 1, 2, 1)
    assert row['wrong_reasons'] == ['LOSSY but out of use']
    assert row['others_blamed'] == ['rgb: SLOW']
    assert (row['detect_ms_p50'], row['detect_ms_p95']) == (900.0, 950.0)
    lost = fault_report.by_fault([trial(was_ready=False)], RATES_HZ)['lossy']
    assert (lost['trials'], lost['not_ready'], lost['detect_ms_p95']) == (0, 1, None)
