# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Feature prediction: VICReg by hand, predictors that learn, absent encoders that do not run."""

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import executed, make_context, make_step, trained  # noqa: E402

from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.prediction import FIRST_LEVEL, PredictiveSegmenter  # noqa: E402
from mm_robust_seg.training.objectives.feature_prediction import (  # noqa: E402
    covariance,
    invariance,
    PredictedFeatures,
    prediction_loss,
    variance,
)
from mm_robust_seg.training.recipe import FeaturePredictionRecipe  # noqa: E402

pytestmark = pytest.mark.torch
RGB_DEPTH = ModalitySet.parse('rgb+depth')
INCOMPLETE = all_combinations()[1:]


def test_invariance_is_the_mean_squared_difference():
    first, second = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [2.0, 0.0]])
    assert invariance(first, second).item() == pytest.approx((4 + 4) / 4)


def test_variance_counts_what_is_below_a_deviation_of_one():
    # Deviations (n - 1): sqrt(2) and sqrt(1 / 8); only the second is below 1.
    embeddings = torch.tensor([[0.0, 0.0], [2.0, 0.5]])
    expected = (1 - (0.125 + 1e-4) ** 0.5) / 2
    assert variance(embeddings).item() == pytest.approx(expected, rel=1e-5)


def test_covariance_sums_the_squares_off_the_diagonal():
    # Centred columns (-1, 1) and (-2, 2): covariance 4 twice, over two channels.
    embeddings = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    assert covariance(embeddings).item() == pytest.approx((4**2 + 4**2) / 2)
    independent = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert covariance(independent).item() == pytest.approx(0)


def test_covariance_is_exact_in_mixed_precision():
    embeddings = 100 + torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    with torch.autocast('cpu', torch.bfloat16):
        mixed = covariance(embeddings)
    assert torch.equal(mixed, covariance(embeddings))


def test_the_perfect_prediction_costs_least_at_any_scale():
    options = replace(FeaturePredictionRecipe(), covariance_weight=0.0)
    generator = torch.Generator().manual_seed(0)
    target = 30 + 7 * torch.randn(2, 3, 8, 8, generator=generator)
    flat = target.mean((0, 2, 3), keepdim=True).expand_as(target)
    assert prediction_loss(target, target, options).item() == pytest.approx(0, abs=1e-3)
    assert prediction_loss(flat, target, options).item() == pytest.approx(1 + 0.99, abs=0.02)


@pytest.fixture(scope='module')
def finished():
    """A trained method, images, and what the base made of them before."""
    images = make_step(seed=9).images
    method, *_ = trained('feature_prediction')
    with torch.no_grad():
        return method, images, make_context().segmenter(images)


def test_complete_input_stays(finished):
    method, images, before = finished
    assert torch.equal(method.networks()[COMPLETE](images), before)


def test_predictors_and_biases_have_gradients_and_nothing_else():
    method = PredictedFeatures(make_context())
    (task,) = method.tasks()
    task.objective.set_mode()
    for seed in range(12):  # enough for every sensor to be there once, and missing once
        task.objective.loss(make_step(seed=seed)).backward()
    trained = {n: p for n, p in method.network.named_parameters() if p.requires_grad}
    assert all(n.startswith('predictors.') or n.endswith('.bias') for n in trained)
    predictors = {n: p for n, p in trained.items() if n.startswith('predictors.')}
    assert len(predictors) == 3 * 3 * 2 * 2
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in predictors.values())
    assert trained['encoders.rgb.features.0.1.bias'].grad.abs().sum() > 0
    assert all(p.grad is None for p in method.context.segmenter.parameters())


def test_only_weights_that_were_to_change_have_changed(finished):
    method, *_ = finished
    base = method.context.segmenter.state_dict()
    for name, value in method.network.state_dict().items():
        if not name.startswith('predictors.') and not name.endswith('.bias'):
            assert torch.equal(value, base[name]), name


@pytest.mark.parametrize('combination', INCOMPLETE, ids=str)
def test_absent_encoders_do_not_run_but_are_predicted(finished, combination):
    method, images, _ = finished
    network = method.networks()[combination]
    given = {m: images[m] for m in combination}
    ran = executed(network, given)
    assert {Modality(n.split('.')[1]) for n in ran if n.startswith('encoders.')} == set(
        combination
    )
    written = {n.split('.')[-1] for n in ran if '.write.' in n}
    assert written == {m.value for m in COMPLETE - combination}
    levels = network.completed(given)
    assert all(set(level) == set(COMPLETE) for level in levels[FIRST_LEVEL:])
    assert all(set(level) == set(combination) for level in levels[:FIRST_LEVEL])


def test_perfect_predictions_at_every_level_but_the_finest_leave_the_base_as_it_was(finished):
    method, *_ = finished
    base = method.context.segmenter
    network = PredictiveSegmenter(base, hidden=4).eval()
    images = make_step(seed=9).images
    levels = network.completed(images)
    fused = network.blend(levels, images)
    for own, before in zip(fused, base.fuse(images), strict=True):
        assert torch.equal(own, before)


def test_two_sensors_are_enough():
    method = PredictedFeatures(make_context(RGB_DEPTH))
    assert [str(c) for c in method.networks()] == ['rgb+depth', 'rgb', 'depth']
    assert not method.adapters()
