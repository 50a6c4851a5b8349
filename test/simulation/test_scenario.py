# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise
from pathlib import Path

import pytest

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import from_tree
from mm_robust_seg.simulation.faults import Fault, FaultSpec
from mm_robust_seg.simulation.scenario import load_scenario, Scenario

CONFIG = Path(__file__).parents[2] / 'config'


def content(**changes):
    phases = [
        {'name': 'all', 'duration_s': 2},
        {'name': 'no thermal', 'duration_s': 1.5, 'faults': {'thermal': 'silent'}},
    ]
    return {'seed': 3, 'conditions': {'time_of_day_h': 20}, 'phases': phases} | changes


def one_phase(**changes):
    return content(phases=[{'name': 'x', 'duration_s': 1} | changes])


def test_phases_follow_each_other():
    scenario = from_tree(Scenario, content())
    assert scenario.duration_s == 3.5
    assert [phase.start_s for phase in scenario.phases] == [0.0, 2.0]
    assert scenario.phases[1].faults == {Modality.THERMAL: FaultSpec(Fault.SILENT)}
    assert scenario.phases[1].live == ModalitySet([Modality.RGB, Modality.DEPTH])
    assert (scenario.seed, scenario.conditions.time_of_day_h) == (3, 20.0)


def test_phase_at_a_boundary_is_the_next_one_in_spite_of_rounding():
    scenario = from_tree(Scenario, content())
    period_s = 1 / 15
    indices = [scenario.phase_index(k * period_s) for k in (0, 29, 30, 31, 1000)]
    assert indices == [0, 0, 1, 1, 1]
    assert scenario.phase_index(30 * 0.0666666666) == 1


def test_a_fault_may_be_given_its_numbers():
    slow = {'thermal': {'kind': 'slow', 'rate_ratio': 0.3}, 'rgb': {'kind': 'dark'}}
    (phase,) = from_tree(Scenario, one_phase(faults=slow)).phases
    assert phase.faults == {
        Modality.THERMAL: FaultSpec(Fault.SLOW, {'rate_ratio': 0.3}),
        Modality.RGB: FaultSpec(Fault.DARK),
    }


def test_the_clean_stream_may_have_slower_cameras_jitter_and_loss():
    scenario = from_tree(
        Scenario, content(rates_hz={'thermal': 9}, jitter_ratio=0.2, loss_ratio=0.01)
    )
    assert scenario.rates_hz == {Modality.THERMAL: 9.0}
    assert (scenario.jitter_ratio, scenario.loss_ratio) == (0.2, 0.01)
    plain = from_tree(Scenario, content())
    assert (dict(plain.rates_hz), plain.jitter_ratio, plain.loss_ratio) == ({}, 0.0, 0.0)


def test_the_clock_jumps_when_the_phase_begins_and_a_loop_begins_anew():
    jump = {'rig': {'kind': 'clock_jump', 'by_s': 3}}
    phases = [
        {'name': 'all', 'duration_s': 2},
        {'name': 'ahead', 'duration_s': 2, 'faults': jump},
        {'name': 'further', 'duration_s': 2, 'faults': jump},
        {'name': 'anew', 'duration_s': 2, 'faults': {'rig': 'loop', 'rgb': 'dark'}},
    ]
    scenario = from_tree(Scenario, content(phases=phases))
    assert [scenario.shift_s(t) for t in (0, 1.9, 2, 3.9, 4, 5.9, 6, 100)] == [
        *(0, 0, 3, 3, 6, 6, -6, -6)
    ]
    assert scenario.moves_clock and not from_tree(Scenario, content()).moves_clock
    assert scenario.phases[1].live == COMPLETE
    assert scenario.phases[3].faults == {Modality.RGB: FaultSpec(Fault.DARK)}


def test_the_demo_scenario_lasts_40_s_and_covers_every_number_of_sensors():
    scenario = load_scenario(CONFIG / 'demo_scenario.yaml')
    assert scenario.duration_s == 40.0
    assert scenario.phases[0].live == scenario.phases[-1].live == COMPLETE
    assert {len(phase.live) for phase in scenario.phases} == {0, 1, 2, 3}
    pairs = {phase.live for phase in scenario.phases if len(phase.live) == 2}
    assert len(pairs) == 3


@pytest.mark.parametrize(
    ('wrong', 'named'),
    [
        (None, 'it is None: expected a mapping of phases, seed, '),
        (['all'], "it is ['all']: expected a mapping of phases, seed, "),
        (content(sed=1), "unknown parameter 'sed'; did you mean seed? (known: phases, seed, "),
        (content(seed=-1), 'seed is -1: expected a value of at least 0'),
        (content(seed=True), 'seed is True of type bool: expected int'),
        (content(phases=[]), 'phases is []: expected a list of at least one phase'),
        (content(phases='all'), 'at least one phase'),
        ({'seed': 1}, 'phases is missing'),
        (content(conditions={'time': 3}), "'conditions.time' (known: time_of_day_h, fog_"),
        (
            content(conditions={'time_of_day': 3}),
            "'conditions.time_of_day'; did you mean conditions.time_of_day_h?",
        ),
        (content(conditions={'time_of_day_h': 'noon'}), "conditions.time_of_day_h is 'noon'"),
        (content(conditions={'time_of_day_h': 25}), 'is 25: expected a value from 0 to 24'),
        (one_phase(name=''), 'phases[0].name is'),
        (one_phase(duration_s=0), 'phases[0].duration_s is 0'),
        (one_phase(duration_s=float('nan')), 'phases[0].duration_s is nan'),
        (one_phase(duration_s=None), 'phases[0].duration_s is None'),
        (one_phase(faults={'lidar': 'silent'}), "'phases[0].faults.lidar' (known: rgb, thermal,"),
        (one_phase(faults={'depth': 'dark'}), 'expected one of silent, gone, frozen, no_return,'),
        (
            one_phase(faults={'rgb': None}),
            'one of silent, gone, frozen, dark, saturated, flat,',
        ),
        (one_phase(faults={'rgb': {}}), 'faults.rgb is {}: expected one of'),
        (one_phase(faults={'rgb': {'rate_ratio': 0.4}}), 'faults.rgb is None'),
        (
            one_phase(faults={'rgb': {'kind': 'slow', 'rate': 1}}),
            "faults.rgb: unknown parameter 'rate' of slow (known: rate_ratio)",
        ),
        (one_phase(faults={'rgb': 'loop'}), "faults.rgb is 'loop'"),
        (one_phase(faults={'rig': 'silent'}), 'expected one of clock_jump, loop, or'),
        (content(rates_hz={'lidar': 9}), "unknown parameter 'rates_hz.lidar'"),
        (content(rates_hz={'rgb': 0}), 'rates_hz.rgb is 0: expected a value from 0.1 to 240'),
        (content(jitter_ratio=1), 'jitter_ratio is 1: expected a value from 0 to 0.999'),
        (content(loss_ratio='few'), "loss_ratio is 'few' of type str: expected float"),
    ],
)
def test_a_wrong_scenario_is_refused_by_the_name_of_the_entry(wrong, named):
    with pytest.raises(ConfigError) as caught:
        from_tree(Scenario, wrong)
    assert named in str(caught.value)


def test_a_file_that_is_missing_or_not_yaml_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r'none\.yaml'):
        load_scenario(tmp_path / 'none.yaml')
    broken = tmp_path / 'broken.yaml'
    broken.write_text('phases: [')
    with pytest.raises(ConfigError, match=r'broken\.yaml'):
        load_scenario(broken)
    wrong = tmp_path / 'wrong.yaml'
    wrong.write_text('phases: []')
    with pytest.raises(ConfigError, match=r'wrong\.yaml: phases'):
        load_scenario(wrong)


@pytest.mark.parametrize(
    'path', sorted((CONFIG / 'scenarios').glob('*.yaml')), ids=lambda p: p.stem
)
def test_a_shipped_scenario_is_explained_begins_well_and_names_its_phases_apart(path):
    scenario = load_scenario(path)
    assert path.read_text().startswith('# ')
    assert scenario.phases[0].live == COMPLETE
    names = [phase.name for phase in scenario.phases]
    assert len(set(names)) == len(names)


def test_the_tour_shows_every_fault_and_comes_back_after_each():
    phases = load_scenario(CONFIG / 'scenarios' / 'all_faults.yaml').phases
    rig_faults = [phase.rig_fault for phase in phases if phase.rig_fault]
    specs = [*rig_faults, *(spec for phase in phases for spec in phase.faults.values())]
    assert {spec.kind for spec in specs} == set(Fault)
    assert all(spec == FaultSpec(spec.kind) for spec in specs)
    assert all(not after.faults for before, after in pairwise(phases) if before.faults)
