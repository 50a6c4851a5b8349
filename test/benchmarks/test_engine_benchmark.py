# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The benchmark of engines measures every switch, and judges its figures."""

from itertools import permutations

import pytest
from scripted_engine import ScriptedEngine

from benchmarks.engines.report import Figure, markdown, Report
from benchmarks.engines.timing import in_pairs, random_inputs, ratio, side_by_side, Switches
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.modality import all_combinations, COMPLETE


@pytest.fixture
def inputs(tiny_bundle):
    return random_inputs(load_bundle(tiny_bundle).inputs)


def test_a_walk_takes_every_switch_once_and_compares_with_what_follows(inputs):
    engine, switches = ScriptedEngine(), Switches()
    for turn in range(2):
        switches.walk(engine, inputs, turn)
    assert set(switches.first) == set(permutations(all_combinations(), 2))
    assert all(len(ratios) == 2 for ratios in switches.first.values())
    assert len(switches.activate_s) == 2 * 7 * 6
    assert set(switches.share) == set(all_combinations())
    assert switches.share[COMPLETE] == [1.0, 1.0]


def test_each_turn_begins_with_another_combination(inputs):
    begun = []
    for turn in range(7):
        engine = ScriptedEngine()
        Switches().walk(engine, inputs, turn)
        begun.append(engine.activated[0])
    assert begun == list(all_combinations())


def test_runners_take_turns_after_a_run_for_nothing():
    calls = []
    samples = side_by_side({n: lambda n=n: calls.append(n) for n in 'ab'}, rounds=2, runs=1)
    assert calls == ['a', 'a', 'b', 'b', 'b', 'b', 'a', 'a']
    assert {name: len(times) for name, times in samples.items()} == {'a': 2, 'b': 2}


def test_ratios_are_taken_within_a_round():
    assert ratio({'a': [1.0, 20.0, 3.0], 'b': [2.0, 40.0, 4.0]}, 'a', 'b') == 0.5


def test_pairs_change_who_goes_first():
    calls = []
    in_pairs(lambda: calls.append('a'), lambda: calls.append('b'), 3)
    assert calls == ['a', 'b', 'b', 'a', 'a', 'b']


def test_figures_are_judged_by_their_bound():
    assert [Figure('f', value, '', 1.05).verdict for value in (1.05, 1.06)] == ['met', 'missed']
    assert Figure('f', 3.0).verdict == ''


def test_the_page_has_every_figure_and_note(capsys):
    report = Report()
    report.add('activate()', 3.0, 'us', 100.0)
    report.note('torch eager was not measured')
    page = markdown(report)
    assert '| activate() | 3 us | <= 100 us | met |' in page
    assert '- torch eager was not measured' in page
    assert 'activate()' in capsys.readouterr().out
