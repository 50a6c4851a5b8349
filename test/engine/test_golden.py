# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Correct engines pass with margin; one that computes something else does not."""

from dataclasses import replace
from pathlib import Path
import shutil

import pytest

pytest.importorskip('onnx', reason='needs onnx')

import cv2
from hostile import png_claiming
import numpy as np
import onnx
from onnx import numpy_helper

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.bundling.folder import write_golden, write_manifest
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.dataflow import Prediction, UNLABELED
from mm_robust_seg.engine.golden import check_golden, check_labels, golden_inputs, golden_labels
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet

RGB, RGB_DEPTH = ModalitySet.parse('rgb'), ModalitySet.parse('rgb+depth')


@pytest.fixture(scope='module')
def folder(tiny_bundle, tmp_path_factory):
    copy = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp('golden') / 'tiny')
    write_golden(copy)
    return copy


@pytest.fixture
def bundle(folder, tmp_path):
    return load_bundle(shutil.copytree(folder, tmp_path / 'copy'))


def built(bundle, backend='onnxruntime'):
    return build_engine(EngineConfig(backend=backend, warmup_iterations=0, cache='off'), bundle)


def test_the_inputs_are_what_the_network_expects(bundle):
    for combination in all_combinations():
        inputs = golden_inputs(bundle.inputs, combination)
        assert inputs.keys() == set(combination)
        for modality, image in inputs.items():
            assert image.shape == (1, KINDS[modality].channels, 48, 64)
            assert image.dtype == np.float32 and 0.5 < np.abs(image).max() < 2
            assert image.flags.c_contiguous
    one, other = (golden_inputs(bundle.inputs, c) for c in (COMPLETE, COMPLETE))
    assert all(np.array_equal(one[m], other[m]) for m in COMPLETE)


def test_every_channel_is_its_own(bundle):
    inputs = golden_inputs(bundle.inputs, COMPLETE)
    channels = [channel for m in COMPLETE for channel in inputs[m][0]]
    for number, channel in enumerate(channels):
        assert all(np.abs(channel - other).mean() > 0.05 for other in channels[:number])


def test_every_combination_gets_a_label_map_of_several_classes(bundle):
    assert bundle.golden.keys() == bundle.graphs.keys()
    assert all(path.suffix == '.png' for path in bundle.golden.values())
    assert 'golden/rgb+depth.png' in bundle.checksums


@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_a_correct_engine_is_accepted(bundle, backend):
    built(bundle, backend).close()


def test_golden_label_maps_can_be_written_again(folder):
    before = {p.name: p.read_bytes() for p in (folder / 'golden').iterdir()}
    write_golden(folder)
    assert before == {p.name: p.read_bytes() for p in (folder / 'golden').iterdir()}


def test_swapped_channels_are_refused(bundle):
    swap_channels(bundle.graphs[RGB])
    with pytest.raises(EngineError, match=r'% of the golden input of rgb .* at least 99%'):
        built(rewritten(bundle))


@pytest.mark.parametrize('weight', ['weight.rgb', 'weight.depth'])
def test_a_zeroed_layer_is_refused(bundle, weight):
    change(bundle.graphs[RGB_DEPTH], weight, lambda array: array * 0)
    with pytest.raises(EngineError, match=r'golden input of rgb\+depth'):
        built(rewritten(bundle))


def test_a_bias_of_another_combination_is_refused(bundle):
    change(bundle.graphs[RGB], 'bias', lambda array: np.roll(array * 8, 2, axis=1))
    with pytest.raises(EngineError, match='does not compute this network'):
        built(rewritten(bundle))


def test_a_label_map_of_another_size_is_refused(bundle):
    wide = Prediction(np.zeros((48, 96), np.uint8), np.zeros((48, 96), np.uint8), 0.0)
    with pytest.raises(EngineError, match=r'the size \(48, 64\), the engine made \(48, 96\)'):
        check_golden(bundle, RGB, wide, 'f32')


def test_a_label_map_that_is_no_picture_is_refused(bundle, tmp_path):
    (tmp_path / 'no.png').write_bytes(b'no')
    broken = replace(bundle, golden={RGB: tmp_path / 'no.png'})
    same = Prediction(np.zeros((48, 64), np.uint8), np.zeros((48, 64), np.uint8), 0.0)
    with pytest.raises(EngineError, match='is not a grey PNG'):
        check_golden(broken, RGB, same, 'f32')


@pytest.mark.parametrize('side_px', [30_000, 60_000])
def test_a_huge_label_map_is_refused_by_its_header(bundle, tmp_path, side_px, monkeypatch):
    (tmp_path / 'huge.png').write_bytes(png_claiming(side_px, side_px, depth=8))
    huge = replace(bundle, golden={RGB: tmp_path / 'huge.png'})
    same = Prediction(np.zeros((48, 64), np.uint8), np.zeros((48, 64), np.uint8), 0.0)
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it was decoded'))
    monkeypatch.setattr(cv2, 'imread', lambda *_: pytest.fail('it was decoded'))
    with pytest.raises(EngineError, match=rf'the size \({side_px}, {side_px}\), the engine made'):
        check_golden(huge, RGB, same, 'f32')


def test_a_label_beyond_the_class_list_is_refused_by_the_rehearsal(bundle):
    few = replace(bundle, classes=bundle.classes[:2])
    with pytest.raises(EngineError, match=r'gives the label \d, the manifest of tiny lists 2'):
        built(few)


def test_unlabeled_is_no_label_beyond_the_class_list(bundle):
    labels = np.full((48, 64), UNLABELED, np.uint8)
    check_labels(bundle, RGB, Prediction(labels, labels, 0.0))
    labels[3, 4] = 250
    with pytest.raises(EngineError, match='gives the label 250'):
        check_labels(bundle, RGB, Prediction(labels, labels, 0.0))


@pytest.mark.parametrize(('wrong_share', 'refusing'), [(0.005, ()), (0.015, ('f32', 'fp16'))])
def test_coarser_arithmetic_may_differ_more(bundle, wrong_share, refusing):
    engine = built(replace(bundle, golden={}))
    engine.activate(RGB)
    right = engine.infer(golden_inputs(bundle.inputs, RGB))
    engine.close()
    known = np.argwhere(golden_labels(right) != UNLABELED)
    assert len(known) > 300
    labels = right.labels.copy()
    for row, column in known[: int(len(known) * wrong_share)]:
        labels[row, column] += 1
    wrong = Prediction(labels, right.confidence, 0.0)
    for arithmetic in ('f32', 'fp16', 'bf16', 'int8'):
        if arithmetic in refusing:
            with pytest.raises(EngineError, match='does not compute this network'):
                check_golden(bundle, RGB, wrong, arithmetic)
        else:
            assert 0.98 < check_golden(bundle, RGB, wrong, arithmetic) < 1


def test_borders_and_doubtful_pixels_are_not_compared():
    labels = np.zeros((20, 20), np.uint8)
    labels[:, 10:] = 1
    confidence = np.full((20, 20), 200, np.uint8)
    confidence[:2] = 10
    golden = golden_labels(Prediction(labels, confidence, 0.0))
    assert (golden[:2] == UNLABELED).all()
    assert (golden[2:, 8:12] == UNLABELED).all()
    assert (golden[2:, :8] == 0).all() and (golden[2:, 12:] == 1).all()


def rewritten(bundle):
    """Return the bundle with the checksums of its altered graphs."""
    write_manifest(bundle.path, bundle.manifest)
    return load_bundle(bundle.path)


def change(graph: Path, name: str, by) -> None:
    model = onnx.load(graph)
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(by(numpy_helper.to_array(tensor)), name))
    onnx.save(model, graph)


def swap_channels(graph: Path) -> None:
    change(graph, 'weight.rgb', lambda array: np.ascontiguousarray(array[:, ::-1]))


MODELS = Path(__file__).parents[2] / 'models'
NAMES = sorted(path.parent.name for path in MODELS.glob('*/manifest.json'))


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_trained_networks_are_told_from_wrong_ones(name, tmp_path):
    write_golden(shutil.copytree(MODELS / name, tmp_path / 'copy'))
    bundle = load_bundle(tmp_path / 'copy')
    engine = built(bundle, 'openvino')
    for combination in bundle.combinations:
        engine.activate(combination)
        inputs = golden_inputs(bundle.inputs, combination)
        assert check_golden(bundle, combination, engine.infer(inputs), 'f32') > 0.999
        swapped = {m: np.ascontiguousarray(image[:, ::-1]) for m, image in inputs.items()}
        with pytest.raises(EngineError, match='does not compute this network'):
            check_golden(bundle, combination, engine.infer(swapped), 'int8')
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_bf16_passes_with_trained_networks(name, tmp_path):
    write_golden(shutil.copytree(MODELS / name, tmp_path / 'copy'))
    bundle = load_bundle(tmp_path / 'copy')
    config = EngineConfig(backend='openvino', precision='bf16', warmup_iterations=0, cache='off')
    try:
        build_engine(config, bundle).close()
    except EngineError as error:
        if 'no bf16 arithmetic' not in str(error):
            raise
        pytest.skip('this CPU has no bf16 arithmetic')
