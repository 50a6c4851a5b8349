# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Ours: what it minimises, in which order, and what it leaves alone."""

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
from mm_robust_seg.network.adapters.base import adapted  # noqa: E402
from mm_robust_seg.network.adapters.ssf import ScaleShift  # noqa: E402
from mm_robust_seg.training.objectives.distillation import (  # noqa: E402
    Distillation,
    DistilledAdapters,
    losses_by_sample,
    relative_error,
)
from mm_robust_seg.training.objectives.teaching import softened_divergence, taught  # noqa: E402
from mm_robust_seg.training.recipe import OursRecipe  # noqa: E402

pytestmark = pytest.mark.torch
PAIR, RGB, DEPTH = (ModalitySet.parse(name) for name in ('rgb+depth', 'rgb', 'depth'))
OFF = {'logits_weight': 0.0, 'features_weight': 0.0, 'order_weight': 0.0}


def perturbed(adapter, scale=0.2):
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return adapter


@pytest.fixture(scope='module')
def context():
    context = make_context(ours=OursRecipe())
    context.segmenter.requires_grad_(False)
    return context


def objective_of(context, combination=PAIR, adapter=None, fewer=(), **options):
    recipe = replace(context.recipe, ours=replace(context.recipe.ours, **options))
    adapter = adapter or ScaleShift(context.segmenter, combination)
    return Distillation(replace(context, recipe=recipe), combination, adapter, dict(fewer))


@pytest.fixture(scope='module')
def finished():
    """A method all of whose tasks took a few steps, and the complete logits before."""
    context = make_context(ours=OursRecipe(adapter='combined'))
    images = make_step(seed=9).images
    with torch.no_grad():
        before = context.segmenter(images)
    method = DistilledAdapters(context)
    losses = {
        task.combination: descend(task.objective, [make_step(seed=1) for _ in range(4)], rate=3e-3)
        for task in method.tasks()
    }
    return method, losses, images, before


def test_every_combination_learns_and_singles_come_first(finished):
    _, losses, _, _ = finished
    assert [len(c) for c in losses] == [1, 1, 1, 2, 2, 2]
    assert all(last < first for first, last in losses.values())


def test_complete_logits_are_bit_identical(finished):
    method, _, images, before = finished
    with torch.no_grad():
        assert torch.equal(method.networks()[COMPLETE](images), before)
    assert COMPLETE not in method.adapters()


def test_networks_serve_every_combination_without_the_absent_encoders(finished):
    method, _, images, _ = finished
    networks = method.networks()
    assert set(networks) == set(all_combinations())
    for combination, network in networks.items():
        ran = executed(network, {m: images[m] for m in combination})
        encoders = {name.split('.')[1] for name in ran if name.startswith('encoders.')}
        assert encoders == {m.value for m in combination}
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())


def test_networks_are_what_was_trained_and_export(finished):
    method, _, images, _ = finished
    given = {m: images[m] for m in PAIR}
    with torch.no_grad():
        trained = adapted(method.context.segmenter, method.adapters()[PAIR], given)
        folded = method.networks()[PAIR](given)
    torch.testing.assert_close(folded, trained, rtol=1e-4, atol=1e-4)
    logits = exported_logits(method.networks()[PAIR], PAIR, given)
    torch.testing.assert_close(logits, folded[:1], rtol=1e-3, atol=1e-3)


def test_fewer_are_the_trained_smaller_combinations():
    method = DistilledAdapters(make_context(ours=OursRecipe(adapter='combined', **OFF)))
    for task in method.tasks():
        fewer = task.objective.fewer
        assert set(fewer) == {c for c in all_combinations() if c < task.combination}
        assert not any(p.requires_grad for a in fewer.values() for p in a.parameters())


def test_two_modalities_have_no_pairs():
    method = DistilledAdapters(make_context(PAIR, ours=OursRecipe(adapter='combined', **OFF)))
    assert [task.combination for task in method.tasks()] == [DEPTH, RGB]
    assert set(method.networks()) == {PAIR, RGB, DEPTH}


@pytest.mark.parametrize(
    ('options', 'runs'),
    [
        ({}, {'rgb': 1, 'depth': 1}),
        ({'logits_weight': 1.0}, {'rgb': 3, 'thermal': 2, 'depth': 3}),
        ({'logits_weight': 1.0, 'mirror': False}, {'rgb': 2, 'thermal': 1, 'depth': 2}),
        ({'features_weight': 1.0}, {'rgb': 2, 'thermal': 1, 'depth': 2}),
        ({'order_weight': 1.0}, {'rgb': 2, 'depth': 1}),
    ],
)
def test_an_ingredient_of_weight_0_costs_nothing(context, options, runs):
    adapter = ScaleShift(context.segmenter, RGB)
    objective = objective_of(context, fewer={RGB: adapter}, **{**OFF, **options})
    counts = {}

    def count(name):
        counts[name] = counts.get(name, 0) + 1

    hooks = [
        encoder.register_forward_hook(lambda *_, name=name: count(name))
        for name, encoder in context.segmenter.encoders.items()
    ]
    objective.loss(make_step())
    for hook in hooks:
        hook.remove()
    assert counts == runs


def test_without_ingredients_it_is_the_task_loss(context):
    objective, step = objective_of(context, **OFF), make_step()
    logits = adapted(context.segmenter, objective.trained, step.only(PAIR))
    assert torch.equal(objective.loss(step), context.criterion(logits, step.labels))


def test_more_vs_fewer_is_the_excess_over_the_smaller_combination(context):
    worse = perturbed(ScaleShift(context.segmenter, PAIR))
    step = make_step()
    given = {'adapter': worse, 'fewer': {RGB: ScaleShift(context.segmenter, RGB)}}
    with_order = objective_of(context, **given, **{**OFF, 'order_weight': 0.5})
    without = objective_of(context, **given, **OFF)
    with torch.no_grad():
        more = adapted(context.segmenter, worse, step.only(PAIR))
        fewer = context.segmenter(step.only(RGB))
        excess = [
            max(0.0, float(context.criterion(a, b) - context.criterion(c, b)))
            for a, c, b in zip(more.split(1), fewer.split(1), step.labels.split(1), strict=True)
        ]
        extra = with_order.loss(step) - without.loss(step)
    assert sum(excess) > 0
    assert extra.item() == pytest.approx(0.5 * sum(excess) / 2, rel=1e-3)


def test_more_that_is_better_is_left_alone(context):
    worse = perturbed(ScaleShift(context.segmenter, RGB), 2.0)
    plain = objective_of(context, **OFF).loss(make_step())
    ordered = objective_of(context, fewer={RGB: worse}, **{**OFF, 'order_weight': 1.0}).loss(
        make_step()
    )
    assert torch.equal(plain, ordered)


def test_gradient_reaches_this_adapter_alone(context):
    smaller = ScaleShift(context.segmenter, RGB)
    objective = objective_of(context, fewer={RGB: smaller}, order_weight=1.0)
    objective.loss(make_step()).backward()
    assert all(p.grad.abs().sum() > 0 for p in objective.trained.beta.values())
    assert all(p.grad is None for p in smaller.parameters())
    assert all(p.grad is None for p in context.segmenter.parameters())


@pytest.mark.parametrize('part', ['logits_weight', 'features_weight'])
def test_each_kind_of_distillation_brings_the_combination_nearer(context, part):
    taught = objective_of(context, RGB, **{**OFF, part: 50.0})
    plain = objective_of(context, RGB, adapter=taught.adapter, **OFF)

    def distance():
        with torch.no_grad():
            return (taught.loss(make_step()) - plain.loss(make_step())).item()

    before = distance()
    descend(taught, [make_step() for _ in range(8)], rate=3e-3)
    assert 0 < distance() < 0.9 * before


def test_randomness_is_a_function_of_the_step(context):
    fewer = {c: perturbed(ScaleShift(context.segmenter, c)) for c in (RGB, DEPTH)}
    given = {'adapter': perturbed(ScaleShift(context.segmenter, PAIR), 0.5), 'fewer': fewer}
    objective = objective_of(context, **given, order_weight=1.0)

    def loss(seed):
        return objective.loss(replace(make_step(), rng=np.random.default_rng(seed))).item()

    assert loss(3) == loss(3)
    assert len({loss(seed) for seed in range(8)}) == 2


@pytest.mark.parametrize('name', ['ssf', 'combined', 'private_decoder'])
def test_adapters_start_from_the_statistics_of_their_combination(name):
    step = make_step(seed=2)
    context = replace(
        make_context(ours=OursRecipe(adapter=name)),
        calibration=lambda: (make_step(seed=c).images for c in range(5)),
    )
    cold = replace(context, recipe=replace(context.recipe, ours=OursRecipe(recalibrate=False)))
    losses, again = [], []
    for given in (context, cold, context):
        torch.manual_seed(0)
        task = next(DistilledAdapters(given).tasks())
        with torch.no_grad():
            logits = task.network(step.only(task.combination))
        losses.append(given.criterion(logits, step.labels).item())
        again.append(task.objective.trained.state_dict())
    assert losses[0] < losses[1]
    assert all(torch.equal(again[0][key], again[2][key]) for key in again[0])


@torch.no_grad()
def test_the_mirrored_answer_does_not_depend_on_which_of_the_two_is_the_mirror_image(context):
    images = make_step().images
    mirrored = {m: x.flip(-1) for m, x in images.items()}
    one, other = (taught(context.segmenter, x, mirrored=True).logits for x in (images, mirrored))
    torch.testing.assert_close(one, other.flip(-1))
    assert not torch.allclose(one, taught(context.segmenter, images, mirrored=False).logits)


def test_divergence_by_hand():
    log2, log3 = torch.tensor(2.0).log(), torch.tensor(3.0).log()
    target = torch.stack([2 * log3, torch.tensor(0.0)]).view(1, 2, 1, 1)  # at T = 2: 3/4, 1/4
    even = torch.zeros(1, 2, 1, 1)
    by_hand = 4 * (0.75 * (0.75 / 0.5 * torch.ones(1)).log() - 0.25 * log2)
    assert softened_divergence(even, target, 2.0).item() == pytest.approx(by_hand.item())
    assert softened_divergence(target, target, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_relative_error_by_hand_and_without_units():
    levels = [torch.randn(1, 3, 4, 4), torch.randn(1, 3, 2, 2)]
    assert relative_error([2 * x for x in levels], levels).item() == pytest.approx(1)
    halves = [1.5 * levels[0], levels[1]]
    assert relative_error(halves, levels).item() == pytest.approx(0.125)
    grown = [100 * x for x in levels]
    assert relative_error([100 * x for x in halves], grown).item() == pytest.approx(0.125)


def test_losses_by_sample(context):
    step = make_step()
    logits = torch.randn(2, 4, 16, 24)
    both = losses_by_sample(context.criterion, logits, step.labels)
    assert both[1].item() == context.criterion(logits[1:], step.labels[1:]).item()
    assert both.shape == (2,)
