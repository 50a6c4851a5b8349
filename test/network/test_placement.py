# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Spending a parameter budget."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.modality import ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import parameter_count  # noqa: E402
from mm_robust_seg.network.adapters.placement import (  # noqa: E402
    affordable,
    below_one_percent,
    blocks_of,
    choose_blocks,
    cost_of,
    deepest_first,
)
from mm_robust_seg.network.adapters.registry import ADAPTERS  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
NAMES = st.sampled_from('abcdefghij')
COSTS = st.dictionaries(NAMES, st.integers(0, 50))
IMPORTANCE = st.dictionaries(NAMES, st.floats(-1, 100))


@given(IMPORTANCE, COSTS, st.integers(0, 200))
def test_the_budget_is_never_exceeded_and_nothing_affordable_left(importance, cost, budget):
    chosen = choose_blocks(importance, cost, budget)
    left = budget - sum(cost[block] for block in chosen)
    assert left >= 0
    assert len(set(chosen)) == len(chosen)
    useful = {b for b, value in importance.items() if value > 0 and cost.get(b, 0) > 0}
    assert set(chosen) <= useful
    assert all(cost[block] > left for block in useful - set(chosen))


@given(st.dictionaries(NAMES, st.floats(0.5, 100), min_size=1), st.integers(1, 9))
def test_at_equal_costs_the_most_important_are_chosen(importance, count):
    chosen = choose_blocks(importance, dict.fromkeys(importance, 7), 7 * count + 3)
    kept = sorted((importance[block] for block in chosen), reverse=True)
    assert kept == sorted(importance.values(), reverse=True)[:count]


def test_importance_per_parameter_counts():
    importance = {'large': 10.0, 'small': 4.0, 'useless': 0.0}
    assert choose_blocks(importance, {'large': 10, 'small': 2, 'useless': 1}, 10) == ('small',)


def test_groups_are_taken_whole_up_to_the_first_that_is_too_dear():
    cost = {'a': 2, 'b': 2, 'c': 3, 'd': 3, 'e': 1}
    assert affordable([('a', 'b'), ('c', 'd'), ('e',)], cost, 9) == ('a', 'b')
    assert affordable([('a', 'b'), ('c', 'd'), ('e',)], cost, 11) == ('a', 'b', 'c', 'd', 'e')


def test_sensors_take_turns_from_the_deep_end():
    names = [
        'encoders.rgb.0',
        'encoders.rgb.1',
        'encoders.depth.0',
        'encoders.depth.1',
        'fusion.0',
    ]
    assert list(deepest_first(names)) == [
        ('fusion.0',),
        ('encoders.rgb.1', 'encoders.depth.1'),
        ('encoders.rgb.0', 'encoders.depth.0'),
    ]


def test_blocks_hold_every_parameter_once_and_have_a_price():
    segmenter = Segmenter(5, ModalitySet.parse('rgb+depth'))
    blocks = blocks_of(segmenter)
    assert {'encoders.rgb.features.5', 'fusion.2', 'decoder.smooth.1'} <= set(blocks)
    sizes = [parameter_count(segmenter.get_submodule(block)) for block in blocks]
    assert sum(sizes) == parameter_count(segmenter)
    combination = ModalitySet.parse('depth')
    for make in (ADAPTERS['ssf'], ADAPTERS['lora']):
        cost = {block: cost_of(make, segmenter, combination, block) for block in blocks}
        assert cost['encoders.rgb.features.5'] == 0
        budget = below_one_percent(segmenter)
        chosen = choose_blocks(dict.fromkeys(blocks, 1.0), cost, budget)
        size = parameter_count(make(segmenter, combination, chosen))
        assert size == sum(cost[block] for block in chosen)
        assert 0 < size <= budget < 0.01 * parameter_count(segmenter)
