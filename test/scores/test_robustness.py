# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""EMM, E(p) and the counter-intuitive rate: hand-computed values and laws."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet
from mm_robust_seg.scores.robustness import counter_intuition, emm_average, emm_expected

RGB, DEPTH, BOTH = (ModalitySet.parse(text) for text in ('rgb', 'depth', 'rgb+depth'))
TWO = {BOTH: 0.6, RGB: 0.4, DEPTH: 0.1}
SCORES = st.lists(st.floats(0, 1), min_size=7, max_size=7).map(
    lambda values: dict(zip(all_combinations(), values, strict=True))
)


def test_the_average_and_the_expectation_of_two_sensors_by_hand():
    assert emm_average(TWO) == pytest.approx(1.1 / 3)
    weights = np.array([0.8**2, 0.8 * 0.2, 0.8 * 0.2])
    assert emm_expected(TWO, 0.2) == pytest.approx(weights @ [0.6, 0.4, 0.1] / weights.sum())


@given(SCORES)
def test_without_failures_the_expectation_is_the_complete_score(scores):
    assert emm_expected(scores, 0.0) == pytest.approx(scores[COMPLETE])
    assert emm_expected(scores, 1e-9) == pytest.approx(scores[COMPLETE], abs=1e-6)


@given(SCORES)
def test_at_even_odds_the_expectation_is_the_average(scores):
    assert emm_expected(scores, 0.5) == pytest.approx(emm_average(scores))


@given(SCORES, st.floats(0, 0.99))
def test_the_expectation_lies_between_the_extremes(scores, rate):
    expected = emm_expected(scores, rate)
    assert min(scores.values()) - 1e-12 <= expected <= max(scores.values()) + 1e-12


def test_arrays_of_resamples_are_averaged_one_by_one():
    draws = {c: np.array([score, score / 2]) for c, score in TWO.items()}
    np.testing.assert_allclose(emm_average(draws), [1.1 / 3, 1.1 / 6])
    expected = float(emm_expected(TWO, 0.1))
    np.testing.assert_allclose(emm_expected(draws, 0.1), [expected, expected / 2])


@pytest.mark.parametrize('scores', [{}, {BOTH: 0.6, RGB: 0.4}])
def test_a_combination_without_score_is_refused(scores):
    for function in (emm_average, lambda s: emm_expected(s, 0.1)):
        with pytest.raises(DataError, match='every non-empty subset'):
            function(scores)


def test_counter_intuition_by_hand():
    nan = float('nan')
    frames = {
        BOTH: np.array([0.50, 0.50, 0.5, nan]),
        RGB: np.array([0.40, 0.505, 0.5, 0.9]),
        DEPTH: np.array([0.70, 0.10, 0.5, 0.9]),
    }
    found = counter_intuition(frames)
    assert (found.pairs, found.lower, found.worse) == (6, 2, 1)
    assert found.rate == pytest.approx(1 / 6)
    assert found.mean_loss == pytest.approx(0.2)


def test_only_pairs_that_differ_by_one_sensor_are_compared():
    frames = {c: np.array([1 / len(c)]) for c in all_combinations()}
    found = counter_intuition(frames)
    assert (found.pairs, found.worse) == (9, 9)


def test_one_combination_alone_has_no_rate():
    found = counter_intuition({RGB: np.array([0.5])})
    assert found.pairs == 0
    assert np.isnan(found.rate)
