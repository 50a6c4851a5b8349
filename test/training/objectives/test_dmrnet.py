# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""DMRNet: a sampled embedding in training, its mean at inference."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import (  # noqa: E402
    descend,
    executed,
    exported_logits,
    make_context,
    make_step,
)

from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.probabilistic import divergence  # noqa: E402
from mm_robust_seg.training.method_recipes import CombinationsRecipe  # noqa: E402
from mm_robust_seg.training.objectives.base import random_combination  # noqa: E402
from mm_robust_seg.training.objectives.dmrnet import DMRNet  # noqa: E402
from mm_robust_seg.training.recipe import DMRNetRecipe  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('rgb+depth')
NO_DECODER = {'hard_weight': 0.0}


def drawing(combination):
    """Return a seed whose generator draws ``combination`` first."""
    return next(seed for seed in range(1000) if drawn_by(seed) == combination)


def step_of(combination, epoch=0, epochs=2):
    rng = np.random.default_rng(drawing(combination))
    return replace(make_step(epoch=epoch, epochs=epochs), rng=rng)


def new(**options):
    method = DMRNet(make_context(dmrnet=DMRNetRecipe(**options)))
    (task,) = method.tasks()
    return method, task


@pytest.fixture(scope='module')
def trained():
    method, task = new(hard_from=0.0)
    losses = descend(task.objective, [step_of(PAIR) for _ in range(5)], rate=3e-3)
    return method, losses


def test_steps_lower_the_loss(trained):
    _, (first, last) = trained
    assert last < first


def test_it_starts_as_the_base():
    context = make_context()
    method, images = DMRNet(context), make_step().images
    with torch.no_grad():
        for combination, network in method.networks().items():
            given = {m: images[m] for m in combination}
            torch.testing.assert_close(network(given), context.segmenter(given))


def test_divergence_by_hand():
    # Per position: mean (1, 0), variance (1, e^2): (1 + 0 + 0 + e^2 - 2 - 1) / 2.
    mean = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(2, 2, 3, 3)
    log_variance = torch.tensor([0.0, 2.0]).view(1, 2, 1, 1).expand(2, 2, 3, 3)
    assert divergence(mean, log_variance).item() == pytest.approx((np.exp(2) - 2) / 2)
    assert divergence(torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 1, 1)).item() == 0


def test_divergence_has_a_gradient_to_both_heads():
    gradients = []
    for weight in (0.0, 1.0):
        _, task = new(divergence_weight=weight, hard_weight=0.0)
        task.objective.set_mode()
        task.objective.loss(step_of(PAIR)).backward()
        training = task.objective.trained
        gradients.append([training.network.mean.weight.grad, training.log_variance.bias.grad])
    for without, with_it in zip(*gradients, strict=True):
        assert (with_it - without).abs().max() > 1e-3


def test_training_draws_both_heads_towards_the_prior():
    _, task = new(divergence_weight=100.0, hard_weight=0.0)
    training = task.objective.trained

    def distance():
        with torch.no_grad():
            drawn = training.sample(make_step().only(PAIR), torch.Generator())
            return divergence(drawn.mean, drawn.log_variance)

    task.objective.set_mode()
    before = distance()
    descend(task.objective, [step_of(PAIR) for _ in range(4)])
    assert distance() < 0.9 * before


@pytest.mark.parametrize(
    ('combination', 'epoch', 'counts'),
    [(PAIR, 5, True), (PAIR, 4, False), (COMPLETE, 5, False)],
    ids=['incomplete and late', 'incomplete and early', 'complete'],
)
def test_second_decoder_counts_for_incomplete_input_once_training_is_on_its_way(
    combination, epoch, counts
):
    _, task = new(hard_from=0.5)
    task.objective.set_mode()
    task.objective.loss(step_of(combination, epoch, 10)).backward()
    weight = task.objective.trained.second_decoder.classify.weight
    assert (weight.grad is not None) == counts


def test_second_decoder_adds_half_its_loss():
    losses = []
    for options in (NO_DECODER, {}):
        _, task = new(hard_from=0.0, divergence_weight=0.0, **options)
        task.objective.trained.eval()
        with torch.no_grad():
            losses.append(task.objective.loss(step_of(PAIR)).item())
    assert losses[1] == pytest.approx(1.5 * losses[0], rel=1e-5)


def test_inference_has_neither_variance_nor_second_decoder(trained):
    method, _ = trained
    images = make_step().images
    networks = method.networks()
    assert set(networks) == set(all_combinations())
    for combination, network in networks.items():
        assert not any('second' in k or 'variance' in k for k in network.state_dict())
        ran = executed(network, {m: images[m] for m in combination})
        encoders = {name.split('.')[1] for name in ran if name.startswith('encoders.')}
        assert encoders == {m.value for m in combination}
        assert not network.training


def test_exported_graphs_compute_the_mean(trained):
    method, _ = trained
    given = make_step().only(PAIR)
    network = method.networks()[PAIR]
    with torch.no_grad():
        logits = network(given)[:1]
        assert torch.equal(network(given)[:1], logits)
    exported = exported_logits(network, PAIR, given)
    torch.testing.assert_close(exported, logits, rtol=1e-3, atol=1e-3)


def test_combination_and_noise_are_a_function_of_the_step():
    _, task = new()
    task.objective.trained.eval()

    def loss(seed):
        with torch.no_grad():
            step = replace(make_step(), rng=np.random.default_rng(seed))
            return task.objective.loss(step).item()

    first = loss(3)
    torch.manual_seed(99)
    assert loss(3) == first
    same_combination = [s for s in range(60) if drawn_by(s) == drawn_by(3)][:3]
    assert len({loss(s) for s in same_combination}) == 3


def drawn_by(seed):
    return random_combination(COMPLETE, np.random.default_rng(seed), CombinationsRecipe().complete)
