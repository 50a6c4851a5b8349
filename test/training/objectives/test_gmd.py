# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""GMD with Dynamic Sharing: every combination in one step, from one pass per modality."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import executed, make_context, make_step  # noqa: E402

from mm_robust_seg.modality import all_combinations, COMPLETE  # noqa: E402
from mm_robust_seg.training.loop.gradients import conflict_free  # noqa: E402
from mm_robust_seg.training.objectives.gmd import DecoupledSharing  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope='module')
def trained():
    """A method after a few conflict-free steps on one batch, and the losses on the way."""
    method = DecoupledSharing(make_context())
    (task,) = method.tasks()
    objective = task.objective
    objective.set_mode()
    parameters = list(objective.trained.parameters())
    optimizer = torch.optim.AdamW(parameters, 3e-3)
    losses = []
    for _ in range(5):
        step = make_step()
        combined = objective.loss(step)
        optimizer.zero_grad()
        conflict_free(combined, parameters, step.rng)
        optimizer.step()
        losses.append(combined.detach())
    return method, losses


def test_steps_lower_the_loss_of_every_combination(trained):
    _, losses = trained
    assert losses[0].shape == (7,)
    assert (losses[-1] < losses[0]).all()


def test_losses_are_those_of_the_networks():
    context = make_context()
    method, step = DecoupledSharing(context), make_step()
    (task,) = method.tasks()
    task.network.eval()
    with torch.no_grad():
        losses = task.objective.loss(step)
        for loss, combination in zip(losses, all_combinations(), strict=True):
            logits = task.network(step.only(combination))
            assert loss.item() == pytest.approx(context.criterion(logits, step.labels).item())


def test_one_forward_pass_per_modality():
    (task,) = DecoupledSharing(make_context()).tasks()
    passes = []
    task.network.decoder.register_forward_hook(lambda *_: passes.append(1))
    task.objective.set_mode()
    task.objective.loss(make_step())
    assert len(passes) == 3


def test_networks_run_what_is_there_alone(trained):
    method, _ = trained
    images = make_step().images
    networks = method.networks()
    assert set(networks) == set(all_combinations())
    for combination, network in networks.items():
        given = {m: images[m] for m in combination}
        owners = {name.split('.own.')[1] for name in executed(network, given) if '.own.' in name}
        assert owners == {m.value for m in combination}
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())


def test_complete_input_is_the_task_and_there_are_no_adapters(trained):
    method, _ = trained
    (task,) = method.tasks()
    assert task.combination == COMPLETE
    assert not method.adapters()
