# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What holds for every method that trains one network for all combinations."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import (  # noqa: E402
    exported_logits,
    make_context,
    make_step,
    told,
    told_context,
    trained,
)

from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.training.methods import METHODS  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('thermal+depth')
ONE_NETWORK = (
    'modality_dropout',
    'self_distillation',
    'dmrnet',
    'gmd',
    'shared_branch',
    'reconstruction',
    'feature_prediction',
    'hypernetwork',
)
UNPREDICTED = tuple(name for name in ONE_NETWORK if name != 'feature_prediction')
"""Where another sensor does not stand in for one, with its gate."""


@pytest.mark.parametrize('name', ONE_NETWORK)
def test_it_learns(name):
    _, _, (first, last) = trained(name)
    assert last < first


@pytest.mark.parametrize('name', ONE_NETWORK)
def test_every_combination_is_served_by_a_network_that_is_ready(name):
    method, *_ = trained(name)
    networks, images = method.networks(), make_step(seed=4).images
    assert set(networks) == set(all_combinations())
    for combination, network in networks.items():
        assert network({m: images[m] for m in combination}).shape == (2, 4, 16, 24)
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())
    assert COMPLETE not in method.adapters()


@pytest.mark.parametrize('name', ONE_NETWORK)
def test_the_exported_graph_agrees(name):
    method, *_ = trained(name)
    network, images = method.networks()[PAIR], make_step(seed=4).images
    graph = exported_logits(network, PAIR, images)
    with torch.no_grad():
        logits = network({m: images[m][:1] for m in PAIR})
    torch.testing.assert_close(graph, logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('name', ONE_NETWORK)
def test_the_loss_follows_from_the_chance_of_the_step(name):
    (task,) = METHODS[name].make(make_context()).tasks()
    task.objective.set_mode()
    task.objective.trained.eval()
    first, again = (task.objective.loss(make_step(seed=3)).mean().item() for _ in range(2))
    assert first == again


@pytest.mark.parametrize('name', UNPREDICTED)
def test_a_sensor_without_a_valid_pixel_teaches_nothing(name):
    (task,) = METHODS[name].make(told_context()).tasks()
    network = task.objective.trained.eval()
    for seed in range(8):
        task.objective.loss(told(make_step(seed=seed), [Modality.THERMAL])).mean().backward()
    own = {
        sensor: [p for n, p in network.named_parameters() if f'.{sensor}.' in n]
        for sensor in ('rgb', 'thermal')
    }
    assert not any(p.grad is not None and p.grad.any() for p in own['thermal'])
    assert not own['rgb'] or any(p.grad is not None and p.grad.any() for p in own['rgb'])


@pytest.mark.parametrize('name', UNPREDICTED)
def test_a_sensor_without_a_valid_pixel_might_as_well_be_absent(name):
    method = METHODS[name].make(told_context())
    list(method.tasks())
    network = method.networks()[COMPLETE]
    images = told(make_step(seed=4), [Modality.THERMAL]).images
    without = {m: image for m, image in images.items() if m is not Modality.THERMAL}
    if name == 'hypernetwork':
        network = method.network.segmenter
    torch.testing.assert_close(network(images), network(without), rtol=1e-4, atol=1e-4)
