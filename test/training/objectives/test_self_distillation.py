# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Self-distillation: one encoder pass, a combination of every size, a teacher without gradient."""

from collections import Counter
from dataclasses import replace

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import make_context, make_step  # noqa: E402

from mm_robust_seg.modality import COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.training.objectives.self_distillation import (  # noqa: E402
    one_of_every_size,
    SelfDistillation,
)
from mm_robust_seg.training.objectives.teaching import softened_divergence  # noqa: E402
from mm_robust_seg.training.recipe import SelfDistillationRecipe  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('rgb+depth')


def test_the_encoders_run_once_for_all_combinations():
    objective = SelfDistillation(make_context())
    ran = Counter()
    for name, module in objective.segmenter.named_children():
        for part, child in module.named_children():
            child.register_forward_hook(lambda *_, key=f'{name}.{part}': ran.update([key]))
    objective.loss(make_step())
    assert {ran[f'encoders.{m}'] for m in COMPLETE} == {1}
    assert ran['decoder.classify'] == 3


@pytest.mark.parametrize(
    ('modalities', 'sizes'), [(COMPLETE, [2, 1]), (PAIR, [1]), (ModalitySet.parse('rgb'), [])]
)
def test_a_step_has_one_combination_of_every_smaller_size(modalities, sizes):
    drawn = [list(one_of_every_size(modalities, make_step(seed=seed))) for seed in range(40)]
    assert all([len(c) for c in combinations] == sizes for combinations in drawn)
    assert all(c < modalities for combinations in drawn for c in combinations)
    assert len({tuple(combinations) for combinations in drawn}) == {0: 1, 1: 2, 2: 9}[len(sizes)]


def test_the_loss_is_the_weighted_sum_of_its_terms():
    weights = SelfDistillationRecipe(
        incomplete_weight=0.3, distillation_weight=0.7, temperature=3.0
    )
    context = make_context(PAIR, self_distillation=weights)
    objective, segmenter = SelfDistillation(context), context.segmenter
    (single,) = one_of_every_size(PAIR, make_step(PAIR))
    step = make_step(PAIR)
    with torch.no_grad():
        complete, own = segmenter(step.images), segmenter(step.only(single))
        taught = context.criterion(own, step.labels)
        taught = taught + 0.7 * softened_divergence(own, complete, 3.0)
        wanted = context.criterion(complete, step.labels) + 0.3 * taught
        torch.testing.assert_close(objective.loss(step), wanted)


def test_the_teacher_does_not_move_towards_its_pupil():
    """A single has no gates, so what moves them is complete input alone."""
    context = make_context(PAIR, self_distillation=SelfDistillationRecipe(distillation_weight=1e3))
    without = replace(context.recipe, self_distillation=SelfDistillationRecipe(0.0))
    gates = context.segmenter.fusion[0].gate
    gradients = []
    for recipe in (context.recipe, without):
        context.segmenter.zero_grad()
        SelfDistillation(replace(context, recipe=recipe)).loss(make_step(PAIR)).backward()
        gradients.append([gate.weight.grad.clone() for gate in gates.values()])
    for taught, alone in zip(*gradients, strict=True):
        torch.testing.assert_close(taught, alone)
