# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import pytest

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet

MEMBERS = st.sets(st.sampled_from(list(Modality)))


@given(MEMBERS, MEMBERS)
def test_set_algebra_is_that_of_sets(a: set[Modality], b: set[Modality]) -> None:
    left, right = ModalitySet(a), ModalitySet(b)
    assert set(left & right) == a & b
    assert set(left | right) == a | b
    assert set(left - right) == a - b
    assert set(left ^ right) == a ^ b
    assert (left <= right, left < right, left == right) == (a <= b, a < b, a == b)
    assert left.isdisjoint(right) == a.isdisjoint(b)
    for result in (left & right, left | right, left - right, left ^ right):
        assert isinstance(result, ModalitySet)


@given(st.permutations(list(Modality)), st.integers(0, 3))
def test_order_of_construction_does_not_matter(members: list[Modality], size: int) -> None:
    chosen = ModalitySet(members[:size])
    again = ModalitySet(sorted(members[:size], key=list(Modality).index))
    assert (chosen, hash(chosen), str(chosen)) == (again, hash(again), str(again))
    assert list(chosen) == [m for m in Modality if m in chosen]


@given(MEMBERS)
def test_text_and_back(members: set[Modality]) -> None:
    combination = ModalitySet(members)
    assert ModalitySet.parse(str(combination)) == combination
    assert len(combination) == len(members)


def test_text_form() -> None:
    assert str(ModalitySet([Modality.DEPTH, Modality.RGB])) == 'rgb+depth'
    assert str(ModalitySet()) == 'none'
    assert repr(COMPLETE) == "ModalitySet('rgb+thermal+depth')"
    assert ModalitySet.parse(' depth + rgb ') == ModalitySet([Modality.RGB, Modality.DEPTH])


@pytest.mark.parametrize('text', ['', 'lidar', 'rgb+', 'rgb+rgb', 'RGB', 'none+rgb'])
def test_other_text_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(ConfigError, match=r'rgb, thermal, depth'):
        ModalitySet.parse(text)


def test_all_combinations_begin_with_the_largest() -> None:
    combinations = all_combinations()
    assert combinations[0] == COMPLETE
    assert [len(c) for c in combinations] == [3, 2, 2, 2, 1, 1, 1]
    assert len(set(combinations)) == 7
    pair = ModalitySet.parse('rgb+depth')
    assert set(all_combinations(pair)) == {c for c in combinations if c <= pair}
