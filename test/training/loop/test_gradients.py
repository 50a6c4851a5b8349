# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Conflict removal: by hand in two dimensions, and its laws."""

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.training.loop.gradients import (  # noqa: E402
    conflict_free,
    conflict_free_weights,
)

pytestmark = pytest.mark.torch
IN_ORDER = [[0, 1, 2]] * 3
NUMBERS = st.floats(-3, 3, allow_nan=False, width=32)


def combined(gradients, seed=0):
    """Run conflict_free on linear losses whose gradients are the rows, over two parameters."""
    rows = torch.as_tensor(gradients, dtype=torch.float32)
    parameters = [
        torch.nn.Parameter(torch.zeros(1)),
        torch.nn.Parameter(torch.zeros(rows.shape[1] - 1)),
    ]
    conflict_free(rows @ torch.cat(parameters), parameters, np.random.default_rng(seed))
    return torch.cat([p.grad for p in parameters])


def test_two_conflicting_gradients_by_hand():
    # g1 = (1, 0), g2 = (-1, 1): g1.g2 = -1, so g1' = g1 + g2 / 2 = (1/2, 1/2) and
    # g2' = g2 + g1 = (0, 1); their mean is (1/4, 3/4).
    assert combined([[1, 0], [-1, 1]]).tolist() == pytest.approx([0.25, 0.75])


def test_a_third_gradient_meets_the_others_as_they_were():
    # g3 = (0, -1) conflicts with g2 = (-1, 1) alone, in its original form: g3' = (-1/2, -1/2),
    # which now conflicts with nothing that comes after it. g1' = (1/2, 1/2) meets g3:
    # g1'.g3 = -1/2, so g1'' = (1/2, 0). g2' = (0, 1) meets g3: g2'' = (0, 0).
    # g3 meets g1 first: no conflict; the mean is (0, -1/6).
    gradients = torch.tensor([[1.0, 0], [-1, 1], [0, -1]])
    mean = conflict_free_weights(gradients @ gradients.T, IN_ORDER).float() @ gradients
    assert mean.tolist() == pytest.approx([0, -1 / 6], abs=1e-6)


def test_the_order_follows_from_the_seed_and_differs_between_steps():
    gradients = [[1, 0], [-1, 1], [0, -1]]
    means = [combined(gradients, seed).tolist() for seed in range(12)]
    assert means == [combined(gradients, seed).tolist() for seed in range(12)]
    assert len({tuple(mean) for mean in means}) > 1


def test_without_conflict_it_is_the_mean():
    gradients = [[1.0, 2.0, 0.5], [2.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    assert combined(gradients).tolist() == pytest.approx(torch.tensor(gradients).mean(0).tolist())


def test_opposite_gradients_cancel():
    assert combined([[1, -2], [-2, 4]]).tolist() == pytest.approx([0, 0], abs=1e-6)


@given(st.lists(NUMBERS, min_size=3, max_size=3), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_identical_gradients_stay(row, count):
    assert combined([row] * count).tolist() == pytest.approx(row, abs=1e-5)


@given(st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=2, max_size=2))
@settings(max_examples=100, deadline=None)
def test_the_step_of_two_losses_raises_neither(rows):
    gradients = torch.tensor(rows, dtype=torch.float64)
    mean = conflict_free_weights(gradients @ gradients.T, [[0, 1], [1, 0]]) @ gradients
    assert ((gradients @ mean) >= -1e-9).all()


@given(st.lists(st.lists(NUMBERS, min_size=5, max_size=5), min_size=1, max_size=6), st.randoms())
@settings(max_examples=50, deadline=None)
def test_it_is_the_definition(rows, chance):
    gradients = torch.tensor(rows, dtype=torch.float64)
    left = gradients.clone()
    orders = [chance.sample(range(len(rows)), len(rows)) for _ in rows]
    for i, order in enumerate(orders):
        for j in order:
            other = gradients[j]
            if i != j and left[i] @ other < -1e-12:
                left[i] -= (left[i] @ other) / (other @ other) * other
    mean = conflict_free_weights(gradients @ gradients.T, orders) @ gradients
    assert torch.allclose(mean, left.mean(0), atol=1e-6)


def test_parameters_of_some_losses_and_of_none():
    shared, first, unused = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    losses = torch.stack([(shared * first).sum(), 3 * shared.sum()])
    conflict_free(losses, [shared, first, unused], np.random.default_rng(0))
    assert shared.grad.tolist() == [2, 2]
    assert first.grad.tolist() == [0.5, 0.5]
    assert unused.grad is None


def test_layouts_other_than_contiguous_keep_their_places():
    weight = torch.nn.Parameter(torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last))
    factor = torch.randn(2, 3, 4, 5)
    conflict_free((weight * factor).sum()[None], [weight], np.random.default_rng(0))
    torch.testing.assert_close(weight.grad, factor)
