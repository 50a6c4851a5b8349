"""One branch for all modalities: shared but for the stems, averaged, fed at random."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import (  # noqa: E402
    descend,
    executed,
    exported_logits,
    make_setting,
    make_step,
)

from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import parameter_count  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.network.shared_branch import SharedBranch  # noqa: E402
from mm_robust_seg.training.objectives.shared_branch import OneBranch  # noqa: E402

pytestmark = pytest.mark.torch
THERMAL_DEPTH = ModalitySet.parse('thermal+depth')


@pytest.fixture(scope='module')
def finished():
    """A method whose task took a few steps on one batch, and the losses."""
    method = OneBranch(make_setting())
    (task,) = method.tasks()
    losses = descend(task.objective, [make_step(chance=1) for _ in range(6)], rate=2e-3)
    return method, losses


def test_it_learns(finished):
    _, (first, last) = finished
    assert last < first


def test_only_stems_are_private_and_it_is_much_smaller():
    shared, separate = SharedBranch(5, COMPLETE, 'mobilenetv2', 96), Segmenter(5)
    private = [
        n for n, _ in shared.named_parameters() if set(n.split('.')) & set(map(str, Modality))
    ]
    assert private
    assert all(name.startswith('encoders.stems.') for name in private)
    assert parameter_count(shared) < 0.4 * parameter_count(separate)


def test_features_are_averaged_before_the_decoder(finished):
    method, _ = finished
    network = method.networks()[COMPLETE]
    images = make_step(chance=4).images
    seen = []
    hook = network.project[2].register_forward_pre_hook(lambda _m, given: seen.append(given[0]))
    for combination in all_combinations():
        network({m: images[m] for m in combination})
    hook.remove()
    by_name = dict(zip(map(str, all_combinations()), seen, strict=True))
    mean = (by_name['rgb'] + by_name['thermal'] + by_name['depth']) / 3
    torch.testing.assert_close(by_name['rgb+thermal+depth'], mean, rtol=1e-4, atol=1e-4)


def test_every_combination_is_served_without_the_stems_of_the_others(finished):
    method, _ = finished
    networks, images = method.networks(), make_step(chance=4).images
    assert set(networks) == set(all_combinations())
    for combination, network in networks.items():
        ran = executed(network, {m: images[m] for m in combination})
        stems = {Modality(name.split('.')[2]) for name in ran if '.stems.' in name}
        assert stems == set(combination)
        assert not any(p.requires_grad for p in network.parameters())


def test_it_starts_from_the_rgb_encoder_and_sees_colours_as_they_are():
    setting = make_setting()
    network = OneBranch(setting).network.eval()
    image = make_step(chance=2).images[Modality.RGB]
    stem = network.encoders.stems['rgb']
    torch.testing.assert_close(stem(image), image, rtol=1e-3, atol=1e-3)
    own = network.encoders.trunk(image)
    for feature, before in zip(own, setting.segmenter.encoders['rgb'](image), strict=True):
        assert torch.equal(feature, before)


def test_the_exported_graph_agrees(finished):
    method, _ = finished
    network, images = method.networks()[THERMAL_DEPTH], make_step(chance=4).images
    graph = exported_logits(network, THERMAL_DEPTH, images)
    torch.testing.assert_close(
        graph, network({m: images[m][:1] for m in THERMAL_DEPTH}), rtol=1e-3, atol=1e-3
    )


def test_the_combination_follows_from_the_chance_of_the_step():
    (task,) = OneBranch(make_setting()).tasks()
    task.objective.trained.eval()
    losses = [task.objective.loss(make_step(chance=c)).item() for c in (3, 3)]
    assert losses[0] == losses[1]
