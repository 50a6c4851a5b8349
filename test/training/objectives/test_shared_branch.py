# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One branch for all modalities: shared but for the stems, averaged, fed at random."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import executed, make_context, make_step, trained  # noqa: E402

from mm_robust_seg.modality import all_combinations, COMPLETE, Modality  # noqa: E402
from mm_robust_seg.network.adapters.base import parameter_count  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.network.shared_branch import SharedBranch  # noqa: E402
from mm_robust_seg.training.objectives.shared_branch import OneBranch  # noqa: E402

pytestmark = pytest.mark.torch


def test_only_stems_are_private_and_it_is_much_smaller():
    shared, separate = SharedBranch(5, COMPLETE, 'mobilenetv2', 96), Segmenter(5)
    private = [
        n for n, _ in shared.named_parameters() if set(n.split('.')) & set(map(str, Modality))
    ]
    assert private
    assert all(name.startswith('encoders.stems.') for name in private)
    assert parameter_count(shared) < 0.4 * parameter_count(separate)


def test_features_are_averaged_before_the_decoder():
    method, *_ = trained('shared_branch')
    network = method.networks()[COMPLETE]
    images = make_step(seed=4).images
    seen = []
    hook = network.project[2].register_forward_pre_hook(lambda _m, given: seen.append(given[0]))
    for combination in all_combinations():
        network({m: images[m] for m in combination})
    hook.remove()
    by_name = dict(zip(map(str, all_combinations()), seen, strict=True))
    mean = (by_name['rgb'] + by_name['thermal'] + by_name['depth']) / 3
    torch.testing.assert_close(by_name['rgb+thermal+depth'], mean, rtol=1e-4, atol=1e-4)


def test_every_combination_is_served_without_the_stems_of_the_others():
    method, *_ = trained('shared_branch')
    networks, images = method.networks(), make_step(seed=4).images
    for combination, network in networks.items():
        ran = executed(network, {m: images[m] for m in combination})
        stems = {Modality(name.split('.')[2]) for name in ran if '.stems.' in name}
        assert stems == set(combination)


def test_it_starts_from_the_rgb_encoder_and_sees_colours_as_they_are():
    context = make_context()
    network = OneBranch(context).network.eval()
    image = make_step(seed=2).images[Modality.RGB]
    stem = network.encoders.stems['rgb']
    torch.testing.assert_close(stem(image), image, rtol=1e-3, atol=1e-3)
    own = network.encoders.trunk(image)
    for feature, before in zip(own, context.segmenter.encoders['rgb'](image), strict=True):
        assert torch.equal(feature, before)
