# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The network: any combination runs, order does not matter."""

import copy

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import random_inputs  # noqa: E402

from mm_robust_seg.errors import TrainingError  # noqa: E402
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.backbones.mobilenetv2 import MobileNetV2  # noqa: E402
from mm_robust_seg.network.merging import merge_classes  # noqa: E402
from mm_robust_seg.network.segmenter import Labeler, Segmenter  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(3)
    return Segmenter(5).eval().requires_grad_(False)


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_every_combination_gives_logits(segmenter, combination):
    assert segmenter(random_inputs(combination, count=2)).shape == (2, 5, 16, 24)


def test_absent_encoders_do_not_run(segmenter):
    ran = []
    hooks = [
        encoder.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, encoder in segmenter.encoders.items()
    ]
    segmenter(random_inputs(ModalitySet.parse('rgb+depth')))
    for hook in hooks:
        hook.remove()
    assert sorted(ran) == ['depth', 'rgb']


def test_order_of_the_inputs_does_not_matter(segmenter):
    given = random_inputs(COMPLETE)
    backwards = dict(reversed(given.items()))
    assert torch.equal(segmenter(given), segmenter(backwards))


def test_labeler_agrees_with_the_logits(segmenter):
    combination = ModalitySet.parse('rgb+thermal')
    given = random_inputs(combination)
    labels, confidence = Labeler(segmenter, combination)(*given.values())
    logits = torch.nn.functional.interpolate(segmenter(given), (64, 96), mode='bilinear')
    assert torch.equal(labels, logits.argmax(1).to(torch.uint8))
    assert confidence.dtype == torch.uint8
    assert confidence.shape == (1, 64, 96)
    assert confidence.min() >= 255 // 5


def test_pretrained_weights_load_and_wrong_ones_are_named(tmp_path):
    import numpy as np

    source = MobileNetV2(3)
    state = {k: v.numpy() for k, v in source.state_dict().items()}
    np.savez(tmp_path / 'good.npz', **state)
    encoder = MobileNetV2(2)
    encoder.load_pretrained(tmp_path / 'good.npz')
    constant = torch.ones(1, 3, 32, 32)
    same = source.features[0][0](constant), encoder.features[0][0](constant[:, :2])
    torch.testing.assert_close(*same)
    del state['features.3.conv.2.weight']
    np.savez(tmp_path / 'bad.npz', **state)
    with pytest.raises(TrainingError, match=r'features\.3\.conv\.2\.weight'):
        encoder.load_pretrained(tmp_path / 'bad.npz')
    with pytest.raises(TrainingError, match='cannot be read'):
        encoder.load_pretrained(tmp_path / 'absent.npz')


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04' + bytes(60), b'\x93NUMPY'])
def test_damaged_weights_are_named(tmp_path, content):
    path = tmp_path / 'weights.npz'
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r'weights\.npz cannot be read'):
        MobileNetV2(3).load_pretrained(path)


def test_state_is_not_shared_with_a_copy(segmenter):
    clone = copy.deepcopy(segmenter)
    assert all(
        a.data_ptr() != b.data_ptr()
        for a, b in zip(segmenter.parameters(), clone.parameters(), strict=True)
    )
    assert set(segmenter.encoders) == {m.value for m in Modality}


def test_merged_classes_have_the_sum_of_the_probabilities(segmenter):
    clone, given = copy.deepcopy(segmenter), random_inputs(COMPLETE)
    finer = torch.softmax(segmenter(given), dim=1)
    merge_classes(clone, [1, 0, 1, 2, 0][: segmenter.class_count])
    coarser = torch.softmax(clone(given), dim=1)
    assert coarser.shape[1] == 3
    torch.testing.assert_close(coarser[:, 1], finer[:, 0] + finer[:, 2])
