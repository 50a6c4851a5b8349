# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Generated adapters: one hyper-network learns for all combinations, the base stays."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import make_context, make_step, trained  # noqa: E402

from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import adapted  # noqa: E402
from mm_robust_seg.training.objectives.hypernetwork import HyperNetworkAdapters  # noqa: E402

pytestmark = pytest.mark.torch
RGB_DEPTH = ModalitySet.parse('rgb+depth')


@pytest.fixture(scope='module')
def finished():
    """A trained method, its task, images, and what the base made of them before."""
    images = make_step(seed=9).images
    method, task, _ = trained('hypernetwork')
    with torch.no_grad():
        return method, task, images, make_context().segmenter(images)


def test_nothing_else_learns(finished):
    method, _, images, before = finished
    assert torch.equal(method.context.segmenter(images), before)
    assert torch.equal(method.networks()[COMPLETE](images), before)
    assert all(p.grad is None for p in method.context.segmenter.parameters())


def test_it_takes_as_many_steps_as_the_adapters_it_replaces(finished):
    method, task, *_ = finished
    assert task.stage.epochs == 6 * method.context.recipe.adapters.epochs


def test_every_combination_is_served_by_its_own_adapter(finished):
    method, task, images, _ = finished
    networks, adapters = method.networks(), method.adapters()
    assert set(adapters) == set(all_combinations()[1:])
    assert len({id(p) for a in adapters.values() for p in a.parameters()}) == len(
        list(task.objective.trained.parameters())
    )
    for combination, adapter in adapters.items():
        given = {m: images[m] for m in combination}
        with torch.no_grad():
            unfolded = adapted(method.context.segmenter, adapter, given)
            in_training = task.network(given)
        torch.testing.assert_close(networks[combination](given), unfolded, rtol=1e-5, atol=1e-5)
        assert torch.equal(in_training, unfolded)


def test_two_sensors_are_enough():
    method = HyperNetworkAdapters(make_context(RGB_DEPTH))
    assert {str(c) for c in method.networks()} == {'rgb+depth', 'rgb', 'depth'}
    assert {str(c) for c in method.adapters()} == {'rgb', 'depth'}
