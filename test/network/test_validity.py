# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is invalid has no weight: laws of the networks that are told which pixels are valid."""

import copy
import io
import warnings

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import random_inputs, valid_inputs, warmed_up  # noqa: E402

from mm_robust_seg.dataflow import UNLABELED  # noqa: E402
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.dynamic_sharing import DynamicSharing  # noqa: E402
from mm_robust_seg.network.prediction import PredictiveSegmenter  # noqa: E402
from mm_robust_seg.network.probabilistic import MeanSegmenter  # noqa: E402
from mm_robust_seg.network.segmenter import Labeler, Segmenter, told_of_validity  # noqa: E402
from mm_robust_seg.network.shared_branch import SharedBranch  # noqa: E402
from mm_robust_seg.network.validity import by_level, of_image, unseen  # noqa: E402
from mm_robust_seg.training.base_network import load_network, save_network  # noqa: E402
from mm_robust_seg.training.loop import checkpoint  # noqa: E402

pytestmark = pytest.mark.torch
RGB, THERMAL, DEPTH = Modality
CLASSES = 5
CORNER = np.s_[..., :16, :32]
"""Of (64, 96): a part of the corner that ``valid_inputs`` hides, 16 px inside it."""


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(3)
    return warmed_up(Segmenter(CLASSES, channels=24, validity=True))


@pytest.fixture(scope='module')
def networks(segmenter):
    shared = SharedBranch(**segmenter.settings)
    return {
        'segmenter': segmenter,
        'mean': MeanSegmenter(segmenter).eval(),
        'sharing': DynamicSharing(segmenter).eval(),
        'branch': warmed_up(shared),
    }


@pytest.mark.parametrize('name', ['segmenter', 'mean', 'sharing', 'branch'])
@pytest.mark.parametrize('combination', all_combinations()[:4], ids=str)
def test_a_sensor_that_is_invalid_everywhere_might_as_well_be_absent(networks, name, combination):
    for gone in combination:
        with torch.no_grad():
            blind = networks[name](valid_inputs(combination, invalid=[gone]))
            without = networks[name](valid_inputs(combination - ModalitySet([gone])))
        torch.testing.assert_close(blind, without, rtol=1e-4, atol=1e-4)
        assert without.std() > 0.1


def test_the_gate_of_what_is_invalid_may_be_as_wide_open_as_it_likes(segmenter):
    network = copy.deepcopy(segmenter)
    for level in network.fusion:
        level.gate['thermal'].bias.add_(200.0)
    blind = network(valid_inputs(COMPLETE, invalid=[THERMAL]))
    without = network(valid_inputs(COMPLETE - ModalitySet([THERMAL])))
    torch.testing.assert_close(blind, without, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('gone', list(COMPLETE), ids=str)
def test_where_a_sensor_is_invalid_the_others_are_fused_as_without_it(segmenter, gone):
    half = valid_inputs(COMPLETE)
    half[gone][..., :48] = 0
    levels = segmenter.fuse(half)
    without = segmenter.fuse({m: half[m] for m in COMPLETE if m is not gone})
    shares = by_level({gone: of_image(half[gone])})
    for level, other, share in zip(levels, without, shares, strict=True):
        hidden = (share[gone] == 0).expand_as(level)
        assert hidden.any()
        torch.testing.assert_close(level[hidden], other[hidden], rtol=1e-5, atol=1e-6)
        assert not torch.equal(level[~hidden], other[~hidden])


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_where_nothing_is_valid_the_fused_features_are_0(segmenter, combination):
    blind = valid_inputs(combination, invalid=combination)
    assert not any(level.any() for level in segmenter.fuse(blind))
    labels, confidence = Labeler(segmenter, combination, validity=True)(*blind.values())
    assert (labels == UNLABELED).all()
    assert not confidence.any()


def test_only_what_no_sensor_has_seen_is_unlabeled(segmenter):
    inputs = valid_inputs(COMPLETE)
    for combination in all_combinations():
        images = [inputs[m] for m in combination]
        labels, confidence = Labeler(segmenter, combination, validity=True)(*images)
        blind = labels == UNLABELED
        assert blind[CORNER].all()
        assert torch.equal(blind, confidence == 0)
        assert not blind[:, 32:].any() and not blind[..., 48:].any()
        plain, _ = Labeler(segmenter, combination)(*images)
        assert torch.equal(plain[~blind], labels[~blind])


def test_small_holes_are_filled_from_around_them():
    valid = torch.ones(1, 1, 96, 128)
    valid[..., 40:56, 40:56] = 0
    assert not unseen([valid], (96, 128)).any()
    valid[..., 24:72, 24:72] = 0
    blind = unseen([valid], (96, 128))[0]
    assert blind[48, 48] and not blind[24:40].any() and not blind[:, 56:].any()
    assert not unseen([valid, 1 - valid], (96, 128)).any()


@given(
    height=st.integers(8, 60).map(lambda n: 4 * n), width=st.integers(8, 60).map(lambda n: 4 * n)
)
@settings(max_examples=25)
def test_shares_have_the_sizes_of_the_features(height, width):
    whole = torch.ones(1, 1, height, width)
    shares = [level[RGB] for level in by_level({RGB: whole})]
    sizes = [(height // 4, width // 4)]
    while len(sizes) < 4:
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    assert [tuple(share.shape[2:]) for share in shares] == sizes
    assert all((share == 1).all() for share in shares)


@pytest.mark.parametrize('backbone', ['mobilenetv2', 'mit_b0'])
def test_any_size_that_is_a_multiple_of_4_runs(backbone):
    pair = ModalitySet.parse('rgb+depth')
    network = Segmenter(3, pair, backbone, 8, validity=True).eval()
    with torch.no_grad():
        assert network(valid_inputs(pair, size=(60, 100))).shape == (1, 3, 15, 25)


def test_shares_are_of_the_pixels_of_a_place():
    valid = torch.zeros(1, 1, 64, 64)
    valid[..., :4, :2] = 1
    shares = [level[RGB][0, 0, 0, 0].item() for level in by_level({RGB: valid})]
    assert shares == [1 / 2, 1 / 8, 1 / 32, 1 / 128]


@pytest.mark.parametrize('backbone', ['mobilenetv2', 'mit_b0'])
def test_a_trained_network_can_be_told_of_validity(backbone):
    before = Segmenter(CLASSES, backbone=backbone, channels=24)
    before = warmed_up(before) if backbone == 'mobilenetv2' else before.eval()
    inputs = valid_inputs(COMPLETE, size=(64, 64))
    for image in inputs.values():
        image[:, -1] = 1
    values = {m: x if m is DEPTH else x[:, :-1] for m, x in inputs.items()}
    with torch.no_grad():
        told = told_of_validity(before).eval()
        torch.testing.assert_close(told(inputs), before(values), rtol=1e-4, atol=1e-5)


def test_what_is_predicted_does_not_depend_on_what_is_invalid(segmenter):
    network = PredictiveSegmenter(segmenter, hidden=4).eval()
    blind = network.completed(valid_inputs(ModalitySet([RGB, THERMAL]), invalid=[THERMAL]))
    alone = network.completed(valid_inputs(ModalitySet([RGB])))
    for level, other in zip(blind[1:], alone[1:], strict=True):
        seen = other[DEPTH] != network.predictors[0].write['depth'].bias[:, None, None]
        torch.testing.assert_close(level[DEPTH][seen], other[DEPTH][seen], rtol=1e-5, atol=1e-6)
    nothing = valid_inputs(COMPLETE, invalid=COMPLETE)
    assert not any(level.any() for level in network.fuse(nothing))


def test_the_file_of_a_network_says_whether_it_is_told(segmenter, tmp_path):
    save_network(tmp_path / 'told.safetensors', segmenter)
    again = load_network(tmp_path / 'told.safetensors')
    assert again.validity
    given_now = valid_inputs(COMPLETE)
    assert torch.equal(again(given_now), segmenter(given_now))
    save_network(tmp_path / 'plain.safetensors', Segmenter(3, channels=8))
    assert 'validity' not in checkpoint.load(tmp_path / 'plain.safetensors')[1]
    assert not load_network(tmp_path / 'plain.safetensors').validity


@pytest.mark.parametrize('size', [(64, 96), (60, 100)], ids=str)
@pytest.mark.parametrize('combination', all_combinations()[::3], ids=str)
def test_the_runtimes_compute_what_torch_does(segmenter, combination, size, tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    openvino = pytest.importorskip('openvino')
    inputs = valid_inputs(combination, size=size)
    labeler = Labeler(segmenter, combination, validity=True).eval()
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            labeler,
            tuple(inputs.values()),
            stream,
            input_names=[str(m) for m in combination],
            opset_version=17,
            dynamo=False,
        )
    (tmp_path / 'graph.onnx').write_bytes(stream.getvalue())
    named = {str(m): image.numpy() for m, image in inputs.items()}
    found = [onnxruntime.InferenceSession(stream.getvalue()).run(None, named)]
    compiled = openvino.Core().compile_model(
        tmp_path / 'graph.onnx', 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'}
    )
    result = compiled(named)
    found.append([result[0], result[1]])
    expected = [x.numpy() for x in labeler(*inputs.values())]
    for labels, confidence in found:
        assert (labels == expected[0]).mean() > 0.999
        np.testing.assert_array_equal(labels == UNLABELED, expected[0] == UNLABELED)
        assert np.abs(confidence.astype(int) - expected[1]).max() <= 1
        assert (confidence[labels == UNLABELED] == 0).all()


def test_networks_that_are_not_told_are_as_they_were(segmenter):
    network = Segmenter(CLASSES, channels=24)
    assert not network.validity
    assert network.encoders['rgb'].features[0][0].in_channels == 3
    assert segmenter.encoders['rgb'].features[0][0].in_channels == 4
    assert segmenter.encoders['depth'].features[0][0].in_channels == 3
    assert network.eval()(random_inputs(COMPLETE)).isfinite().all()
