# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reconstruction: what is hidden counts, masks repeat, and the helper decoder stays behind."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import make_context, make_step, trained  # noqa: E402

from mm_robust_seg.modality import Modality, ModalitySet  # noqa: E402
from mm_robust_seg.training.objectives.reconstruction import (  # noqa: E402
    masked,
    MaskedReconstruction,
    patch_mask,
    ReconstructedModalities,
    reconstruction_error,
)

pytestmark = pytest.mark.torch
RGB = ModalitySet.parse('rgb')


def test_patches_are_square_and_as_many_as_asked():
    mask = patch_mask((4, 64, 100), 8, 0.25, np.random.default_rng(0))
    assert mask.shape == (4, 64, 100)
    blocks = mask[:, :, :96].reshape(4, 8, 8, 12, 8)
    assert np.array_equal(blocks.max((2, 4)), blocks.min((2, 4)))
    assert 0.15 < mask.mean() < 0.35
    again = patch_mask((4, 64, 100), 8, 0.25, np.random.default_rng(0))
    assert np.array_equal(mask, again)
    assert patch_mask((1, 4, 4), 2, 1.0, np.random.default_rng(0)).min() == 1
    assert patch_mask((1, 4, 4), 2, 0.0, np.random.default_rng(0)).max() == 0


def test_masked_pixels_are_zero_and_the_others_untouched():
    image = torch.ones(1, 3, 8, 8)
    hidden = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    seen = masked({Modality.RGB: image}, {Modality.RGB: hidden})[Modality.RGB]
    assert seen[..., :4, :4].abs().sum() == 0
    assert seen.sum() == 3 * (64 - 16)


def test_only_what_was_hidden_counts():
    original = {Modality.THERMAL: torch.arange(64.0).reshape(1, 1, 8, 8).repeat(1, 2, 1, 1)}
    pooled = torch.nn.functional.avg_pool2d(original[Modality.THERMAL], 4)
    guess = pooled.clone()
    guess[..., 0, 0] += 2
    guess[..., 1, 1] += 10
    hidden = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    error = reconstruction_error({Modality.THERMAL: guess}, original, {Modality.THERMAL: hidden})
    assert error.item() == pytest.approx((2**2 + 0) / 2)
    nothing = reconstruction_error(
        {Modality.THERMAL: guess}, original, {Modality.THERMAL: torch.zeros(1, 1, 2, 2)}
    )
    assert nothing.item() == 0


def test_images_of_all_modalities_are_made_from_any():
    network = MaskedReconstruction(make_context().segmenter)
    images = make_step().images
    logits, imagined = network({m: images[m] for m in RGB})
    assert logits.shape == (2, 4, 16, 24)
    assert {m: x.shape[1] for m, x in imagined.items()} == {m: images[m].shape[1] for m in images}
    assert all(x.shape[-2:] == (16, 24) for x in imagined.values())


@pytest.mark.parametrize('term', ['reconstruction_weight', 'distillation_weight'])
def test_every_term_counts(term):
    def loss(value):
        context = make_context()
        options = replace(context.recipe.reconstruction, **{term: value})
        recipe = replace(context.recipe, reconstruction=options)
        torch.manual_seed(0)
        (task,) = ReconstructedModalities(replace(context, recipe=recipe)).tasks()
        task.objective.trained.eval()
        return task.objective.loss(make_step(seed=2)).item()

    assert loss(1.0) > loss(0.0) > 0


def test_complete_input_teaches_and_is_not_taught():
    context = make_context()
    options = replace(context.recipe.reconstruction, reconstruction_weight=0.0)
    criterion = lambda logits, _labels: logits.sum() * 0.0  # noqa: E731
    recipe = replace(context.recipe, reconstruction=options)
    objective = next(
        ReconstructedModalities(replace(context, recipe=recipe, criterion=criterion)).tasks()
    ).objective
    objective.trained.eval()
    step = make_step(seed=2)
    taught = []
    classify = context.segmenter.decoder.classify
    hook = classify.register_full_backward_hook(lambda _m, _i, grad: taught.append(grad[0].norm()))
    objective.loss(step).backward()
    hook.remove()
    assert sum(bool(norm > 0) for norm in taught) == 1


def test_every_combination_is_served_without_the_auxiliary_decoder():
    method, task, _ = trained('reconstruction')
    auxiliary = {id(m) for m in task.objective.trained.imagine.modules()}
    for network in method.networks().values():
        assert not auxiliary & {id(m) for m in network.modules()}


def test_masks_and_combination_follow_from_the_chance_of_the_step():
    (task,) = ReconstructedModalities(make_context()).tasks()
    task.objective.trained.eval()
    first, again, other = (
        task.objective.loss(
            make_step(seed=1).__class__(
                **{**vars(make_step(seed=1)), 'rng': np.random.default_rng(seed)}
            )
        ).item()
        for seed in (3, 3, 4)
    )
    assert first == again != other
