"""Generated adapters: one hyper-network learns for all combinations, the base stays."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import descend, exported_logits, make_setting, make_step  # noqa: E402

from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import adapted  # noqa: E402
from mm_robust_seg.training.objectives.hypernetwork import HyperNetworkAdapters  # noqa: E402

pytestmark = pytest.mark.torch
RGB_DEPTH = ModalitySet.parse('rgb+depth')


@pytest.fixture(scope='module')
def finished():
    """A method whose task took a few steps on one batch, the losses, complete logits before."""
    setting = make_setting()
    images = make_step(chance=9).images
    with torch.no_grad():
        before = setting.segmenter(images)
    method = HyperNetworkAdapters(setting)
    (task,) = method.tasks()
    losses = descend(task.objective, [make_step(chance=1) for _ in range(5)], rate=3e-3)
    return method, task, losses, images, before


def test_it_learns_and_nothing_else_does(finished):
    method, _, (first, last), images, before = finished
    assert last < first
    assert torch.equal(method.setting.segmenter(images), before)
    assert torch.equal(method.networks()[COMPLETE](images), before)
    assert all(p.grad is None for p in method.setting.segmenter.parameters())


def test_it_takes_as_many_steps_as_the_adapters_it_replaces(finished):
    method, task, *_ = finished
    assert task.stage.epochs == 6 * method.setting.recipe.adapters.epochs


def test_every_combination_is_served_by_its_own_adapter(finished):
    method, task, _, images, _ = finished
    networks, adapters = method.networks(), method.adapters()
    assert set(networks) == set(all_combinations())
    assert set(adapters) == set(all_combinations()[1:])
    assert len({id(p) for a in adapters.values() for p in a.parameters()}) == len(
        list(task.objective.trained.parameters())
    )
    for combination, adapter in adapters.items():
        given = {m: images[m] for m in combination}
        with torch.no_grad():
            unfolded = adapted(method.setting.segmenter, adapter, given)
            trained = task.network(given)
        torch.testing.assert_close(networks[combination](given), unfolded, rtol=1e-5, atol=1e-5)
        assert torch.equal(trained, unfolded)
        assert not any(p.requires_grad for p in networks[combination].parameters())


def test_the_exported_graph_agrees(finished):
    method, _, _, images, _ = finished
    network = method.networks()[RGB_DEPTH]
    graph = exported_logits(network, RGB_DEPTH, images)
    torch.testing.assert_close(
        graph, network({m: images[m][:1] for m in RGB_DEPTH}), rtol=1e-3, atol=1e-3
    )


def test_the_combination_follows_from_the_chance_of_the_step():
    (task,) = HyperNetworkAdapters(make_setting()).tasks()
    task.objective.set_mode()
    losses = [task.objective.loss(make_step(chance=c)).item() for c in (3, 3)]
    assert losses[0] == losses[1]


def test_two_sensors_are_enough():
    method = HyperNetworkAdapters(make_setting(RGB_DEPTH))
    assert {str(c) for c in method.networks()} == {'rgb+depth', 'rgb', 'depth'}
    assert {str(c) for c in method.adapters()} == {'rgb', 'depth'}
