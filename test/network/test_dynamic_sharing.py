# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Dynamic Sharing: what is shared, what is private, and that it starts from the segmenter."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.modalities import KINDS  # noqa: E402
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import parameter_count  # noqa: E402
from mm_robust_seg.network.dynamic_sharing import DynamicSharing, Private  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(2)
    return Segmenter(4, channels=24).eval()


def images(size=(64, 96)):
    generator = torch.Generator().manual_seed(1)
    return {m: torch.randn(2, KINDS[m].channels, *size, generator=generator) for m in COMPLETE}


def test_rgb_alone_starts_as_the_segmenter_with_rgb_alone(segmenter):
    given = {Modality.RGB: images()[Modality.RGB]}
    with torch.no_grad():
        torch.testing.assert_close(DynamicSharing(segmenter).eval()(given), segmenter(given))


def test_logits_are_the_mean_of_the_present_modalities(segmenter):
    network, given = DynamicSharing(segmenter).eval(), images()
    with torch.no_grad():
        alone = [network({m: x}) for m, x in given.items()]
        torch.testing.assert_close(network(given), (alone[0] + alone[1] + alone[2]) / 3)


def test_stem_and_norms_are_private_and_start_from_their_own_encoder(segmenter):
    network = DynamicSharing(segmenter)
    stem = network.encoders.features[0]
    assert isinstance(stem[0], Private)
    assert isinstance(stem[1], Private)
    assert not any(isinstance(m, Private) for m in (network.encoders.features[1].conv[1],))
    for modality in COMPLETE:
        own = segmenter.encoders[modality.value].features[0]
        assert torch.equal(stem[0].own[modality.value].weight, own[0].weight)
        assert stem[1].own[modality.value].weight is not own[1].weight


def test_a_training_pass_changes_the_statistics_of_its_modality_alone(segmenter):
    network = DynamicSharing(segmenter).train()
    before = {k: v.clone() for k, v in network.named_buffers()}
    network.unimodal(Modality.DEPTH, images()[Modality.DEPTH])
    changed = {k for k, v in network.named_buffers() if not torch.equal(v, before[k])}
    assert changed
    assert all('.own.depth.' in name for name in changed)


def test_shared_weights_are_stored_once_and_the_private_share_is_small():
    network = DynamicSharing(Segmenter(4))
    state = network.state_dict()
    assert sum(v.numel() for k, v in state.items() if k.endswith('weight')) < 1.1 * sum(
        p.numel() for p in network.parameters()
    )
    assert parameter_count(network) < 0.45 * parameter_count(Segmenter(4))
    private = [layer for layer in network.modules() if isinstance(layer, Private)]
    share = sum(map(parameter_count, private)) / parameter_count(network)
    assert 0.01 < share < 0.06


def test_two_modalities_without_rgb():
    pair = ModalitySet.parse('thermal+depth')
    network = DynamicSharing(Segmenter(4, pair, channels=24)).eval()
    given = images()
    assert network({m: given[m] for m in pair}).shape == (2, 4, 16, 24)
