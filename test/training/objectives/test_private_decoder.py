# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A decoder per combination: trained on features that are computed once, and on nothing else."""

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import descend, make_context, make_step  # noqa: E402

from mm_robust_seg.modality import COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import adapted, is_within, parameter_count  # noqa: E402
from mm_robust_seg.network.adapters.private_decoder import PrivateDecoder  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.training.base_network import load_base  # noqa: E402
from mm_robust_seg.training.loop import optimize  # noqa: E402
from mm_robust_seg.training.loop.task_state import last_path  # noqa: E402
from mm_robust_seg.training.objectives.distillation import DistilledAdapters  # noqa: E402
from mm_robust_seg.training.objectives.private_decoder import TaughtDecoder  # noqa: E402
from mm_robust_seg.training.objectives.teaching import softened_divergence, taught  # noqa: E402
from mm_robust_seg.training.recipe import OursRecipe, StageRecipe  # noqa: E402
from mm_robust_seg.training.restore import restored_method  # noqa: E402
from mm_robust_seg.training.run_folder import read_run  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('rgb+depth')
OURS = OursRecipe(adapter='private_decoder', recalibrate=False, passes=2)


def context_with(*batches, **ours):
    """Make a context whose epochs have the given batches."""
    pairs = [(step.images, step.labels) for step in batches]
    context = make_context(ours=replace(OURS, **ours))
    context.segmenter.requires_grad_(False)
    return replace(context, epoch=lambda _epoch: pairs)


def decoder_of(context):
    """Make the objective, and the adapter that it trains."""
    adapter = PrivateDecoder(context.segmenter, PAIR)
    return TaughtDecoder(context, PAIR, adapter), adapter


def test_the_decoder_is_copied_from_its_end_on_as_far_as_one_percent_goes():
    for modalities, left_out in [('rgb+thermal+depth', 1), ('rgb+depth', 3)]:
        segmenter = Segmenter(32, ModalitySet.parse(modalities))
        adapter = PrivateDecoder(segmenter, ModalitySet.parse('depth'))
        parts = ['context', 'smooth.3', 'smooth.2', 'smooth.1', 'smooth.0', 'refine', 'classify']
        copied = [any(is_within(k, (f'decoder.{p}',)) for k in adapter.copies) for p in parts]
        assert copied == [False] * left_out + [True] * (7 - left_out)
        assert parameter_count(adapter) < 0.01 * parameter_count(segmenter)
        assert 'decoder.context.1' in adapter.scale_shift.sites


def test_it_is_the_task_loss_and_the_distillation_of_cached_features():
    step = make_step(seed=1)
    context = context_with(step, passes=1, logits_weight=0.5)
    objective, adapter = decoder_of(context)
    logits = adapted(context.segmenter, adapter, step.only(PAIR))
    target = taught(context.segmenter, step.images, mirrored=True).logits
    expected = context.criterion(logits, step.labels)
    expected = expected + 0.5 * softened_divergence(logits, target, OURS.temperature)
    assert objective.loss(step).item() == pytest.approx(expected.item(), rel=0.02)


def test_the_encoders_run_in_the_passes_alone_and_again_when_all_is_forgotten():
    context = context_with(make_step(seed=1), make_step(seed=2))
    runs = []
    encoder = context.segmenter.encoders['rgb']
    handle = encoder.register_forward_hook(lambda *_: runs.append(1))
    adapter = PrivateDecoder(context.segmenter, PAIR)
    with TaughtDecoder.of(context, PAIR, adapter) as objective:
        for _ in range(3):
            objective.loss(make_step())
        once = len(runs)
    objective.loss(make_step())
    handle.remove()
    assert once == 2 * 2 * 3, 'two batches, two passes; the pair, the image and its mirror image'
    assert len(runs) == 2 * once


def test_it_learns_in_the_decoder_alone_and_complete_logits_are_bit_identical():
    context = context_with(make_step(seed=1))
    with torch.no_grad():
        before = context.segmenter(make_step().images)
    objective, adapter = decoder_of(context)
    start = {k: v.clone() for k, v in adapter.state_dict().items()}
    first, last = descend(objective, [make_step(seed=s) for s in range(6)], rate=3e-3)
    assert last < first
    changed = {k for k, v in adapter.state_dict().items() if not torch.equal(v, start[k])}
    assert changed
    assert all('decoder/' in name for name in changed)
    assert any('fusion/' in name for name in start), 'there is something before the decoder'
    with torch.no_grad():
        assert torch.equal(context.segmenter(make_step().images), before)


def test_what_is_before_the_decoder_is_trained_first():
    context = context_with(make_step(seed=1))
    tasks = [
        (task.name, task.reads, {n for n, p in task.objective.trained.named_parameters()
                                 if p.requires_grad and 'fusion/' in n} != set())
        for task in DistilledAdapters(context).tasks()
    ]  # fmt: skip
    assert tasks[:2] == [('depth', True, True), ('depth-decoder', False, False)]
    assert len(tasks) == 12


def test_nothing_before_the_decoder_is_one_task():
    context = context_with(make_step(seed=1))
    blocks = dict.fromkeys(
        [PAIR, *map(ModalitySet.parse, ('rgb', 'thermal', 'depth'))], ('decoder',)
    )
    names = [task.name for task in DistilledAdapters(replace(context, blocks=blocks)).tasks()]
    assert names[:3] == ['depth-decoder', 'thermal-decoder', 'rgb-decoder']


@pytest.mark.slow
def test_a_run_loads_no_images_for_it_and_is_restored(
    recipe, base_run, train_run, tmp_path, monkeypatch
):
    loaded, load = [], optimize.training_batches

    def counted(*given):
        loaded.append(1)
        return load(*given)

    monkeypatch.setattr(optimize, 'training_batches', counted)
    small = replace(recipe, ours=OURS, decoders=StageRecipe(epochs=5), validate_every=0)
    train_run(small, tmp_path / 'run', 'ours', base_run)
    assert len(loaded) == 6 * (1 + OURS.passes), 'an epoch before the decoder, and the passes'
    assert last_path(tmp_path / 'run', 'rgb+depth-decoder').is_file()
    method = restored_method(tmp_path / 'run', read_run(tmp_path / 'run'))
    images = {m: torch.randn(1, *x.shape[1:]) for m, x in make_step().images.items()}
    with torch.no_grad():
        assert torch.equal(method.networks()[COMPLETE](images), load_base(base_run)(images))
    own, base = method.networks()[PAIR].decoder, load_base(base_run).decoder
    assert not torch.equal(own.classify.weight, base.classify.weight)
