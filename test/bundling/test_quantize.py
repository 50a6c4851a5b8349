# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle in another precision is a bundle: same ports, nearly the same label maps."""

from collections import Counter
import json

import pytest

pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

import cv2
import numpy as np
import onnx
from onnx import numpy_helper, TensorProto
from small_network import write_small_bundle
from tiny_bundle import TINY_CLASSES

from mm_robust_seg import cli
from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import load_bundle, SegmentationClass
from mm_robust_seg.bundling import quantize as quantize_work
from mm_robust_seg.bundling.precision import sensitive, simplified, tail
from mm_robust_seg.commands import quantize as quantize_command
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages.preprocess import network_input

COMBINATIONS = (COMPLETE, *map(ModalitySet.parse, ('rgb+depth', 'thermal')))
RGB_DEPTH = COMBINATIONS[1]
INT8 = ('--precision', 'int8', '--dataset', 'sim', '--calibration-count', 2)


def quantize(bundle, *options):
    return cli.main(['quantize', str(bundle), *map(str, options)])


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    combinations = COMBINATIONS[1:]
    return write_small_bundle(tmp_path_factory.mktemp('source') / 'small', combinations)


@pytest.fixture(scope='module')
def fp16(source, tmp_path_factory):
    out = tmp_path_factory.mktemp('fp16') / 'bundle'
    assert quantize(source, '--precision', 'fp16', '--out', out) == 0
    return load_bundle(out)


@pytest.fixture(scope='module')
def int8(source, tmp_path_factory):
    out = tmp_path_factory.mktemp('int8') / 'bundle'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantize_command, 'open_dataset', lambda *_, **__: Scenes())
        assert quantize(source, *INT8, '--no-scores', '--out', out) == 0
    return load_bundle(out)


@pytest.fixture(params=['fp16', 'int8'])
def converted(request):
    return request.getfixturevalue(request.param)


def test_it_is_a_complete_bundle_of_its_precision(converted, source):
    before = load_bundle(source)
    assert converted.precision in converted.name
    assert converted.precision != before.precision == 'f32'
    assert converted.combinations == before.combinations
    assert converted.adapters.keys() == before.adapters.keys()
    assert converted.golden.keys() == converted.graphs.keys()
    assert converted.base.read_bytes() == before.base.read_bytes()
    assert converted.provenance['conversion']['from'] == 'f32 bundle tiny'
    found = {p.relative_to(converted.path).as_posix() for p in converted.path.rglob('*.*')}
    assert found == {*converted.checksums, 'manifest.json'}


@pytest.mark.parametrize('backend', ['openvino', 'onnxruntime'])
def test_label_maps_stay_nearly_the_same(converted, source, backend):
    config = EngineConfig(backend=backend, warmup_iterations=0)
    engines = [build_engine(config, bundle) for bundle in (load_bundle(source), converted)]
    for combination in converted.combinations:
        images = Scenes()[0].images
        inputs = {m: network_input(m, images[m], converted.inputs)[None] for m in combination}
        labels = []
        for engine in engines:
            engine.activate(combination)
            labels.append(engine.infer(inputs).labels)
        assert len(np.unique(labels[0])) > 1
        assert (labels[0] == labels[1]).mean() > (0.99 if converted.precision == 'fp16' else 0.9)
    for engine in engines:
        engine.close()


def test_graphs_need_no_other_file(converted):
    for path in converted.graphs.values():
        model = onnx.load(path, load_external_data=False)
        assert not any(tensor.external_data for tensor in model.graph.initializer)
        onnx.checker.check_model(model)


def test_fp16_weights_are_fp16_and_softmax_is_not(fp16):
    model = onnx.shape_inference.infer_shapes(onnx.load(fp16.graphs[RGB_DEPTH]))
    weights = {n.input[1] for n in model.graph.node if n.op_type == 'Conv'}
    types = {t.name: t.data_type for t in model.graph.initializer}
    assert {types[name] for name in weights} == {TensorProto.FLOAT16}
    known = {v.name: v.type.tensor_type.elem_type for v in model.graph.value_info}
    softmax = [n.output[0] for n in model.graph.node if n.op_type == 'Softmax']
    assert len(softmax) == 2 and {known[name] for name in softmax} == {TensorProto.FLOAT}


def test_int8_is_what_tensorrt_takes(int8):
    model = onnx.load(int8.graphs[RGB_DEPTH])
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    pairs = [n for n in model.graph.node if n.op_type in ('QuantizeLinear', 'DequantizeLinear')]
    assert len(pairs) > 6
    for node in pairs:
        assert tensors[node.input[2]].dtype == np.int8 and not tensors[node.input[2]].any()
    assert not any(array.dtype == np.int32 for array in tensors.values())
    scales = {n.input[0]: n.input[1] for n in pairs if n.input[0] in tensors}
    assert {tensors[s].shape for s in scales.values()} <= {(16,), (5,)}


def test_int8_leaves_float_what_is_sensitive(int8):
    model = onnx.load(int8.graphs[RGB_DEPTH])
    makers = {name: node for node in model.graph.node for name in node.output}
    kept = Counter()
    for node in model.graph.node:
        if node.op_type == 'Conv':
            weight = makers.get(node.input[1])
            kept[weight is not None and weight.op_type == 'DequantizeLinear'] += 1
    # Of each branch the stem, depthwise and projection layers and the gate; not the plain ones.
    assert kept == {False: 8, True: 5}


def test_sensitive_and_tail_are_found_by_structure(source, tmp_path):
    model = simplified(source / 'rgb+depth.onnx', tmp_path)
    names = {name.split('#')[0] for name in sensitive(model)}
    parts = ('stem', 'depthwise', 'project', 'gate')
    assert names == {f'{m}.{part}' for m in ('rgb', 'depth') for part in parts}
    kinds = {n.name: n.op_type for n in model.graph.node}
    expected = {'ArgMax': 1, 'Softmax': 1, 'ReduceMax': 1, 'Mul': 1, 'Cast': 2}
    assert Counter(kinds[name] for name in tail(model)) == expected


def test_scores_are_measured_and_kept(tmp_path, monkeypatch, capsys):
    write_small_bundle(tmp_path / 'small', (COMPLETE,))
    monkeypatch.setattr(quantize_command, 'open_dataset', lambda *_, **__: Scenes())
    mious = iter(MEASURED.values())
    found = lambda bundle, _: {COMPLETE: next(mious)}  # noqa: E731
    monkeypatch.setattr(quantize_work, 'miou_by_combination', found)
    out = tmp_path / 'out'
    assert quantize(tmp_path / 'small', *INT8, '--out', out) == 0
    printed = capsys.readouterr().out
    row = load_bundle(out).scores[str(COMPLETE)]
    assert row == pytest.approx(MEASURED)
    assert all(f'{100 * value:.2f}' in printed for value in MEASURED.values())


def test_the_scores_are_printed_as_json(tmp_path, monkeypatch, capsys):
    write_small_bundle(tmp_path / 'small', (COMPLETE,))
    monkeypatch.setattr(quantize_command, 'open_dataset', lambda *_, **__: Scenes())
    mious = iter(MEASURED.values())
    found = lambda bundle, _: {COMPLETE: next(mious)}  # noqa: E731
    monkeypatch.setattr(quantize_work, 'miou_by_combination', found)
    out = tmp_path / 'out'
    assert quantize(tmp_path / 'small', *INT8, '--out', out, '--json') == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['scores'] == {str(COMPLETE): MEASURED}
    assert (facts['bundle'], facts['precision']) == (str(out), 'int8')


MEASURED = {'f32': 0.7125, 'int8': 0.705}


class Scenes:
    """Two scenes; all of one class."""

    classes = tuple(SegmentationClass(name, color) for name, color in TINY_CLASSES.items())
    modalities, provenance, licence = COMPLETE, {'data': 'noise'}, ''

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        smooth = cv2.GaussianBlur(rng.random((48, 64, 5)).astype(np.float32), (0, 0), 4)
        smooth = (smooth - smooth.min()) / np.ptp(smooth)
        images = {
            Modality.RGB: (smooth[..., :3] * 255).astype(np.uint8),
            Modality.THERMAL: 280 + 30 * smooth[..., 3],
            Modality.DEPTH: 1 + 15 * smooth[..., 4],
        }
        return Sample(str(index), images, np.zeros((48, 64), np.uint8))


def test_int8_without_images_is_refused(source, tmp_path, capsys):
    assert quantize(source, '--precision', 'int8', '--out', tmp_path / 'out') == 2
    assert 'int8 is calibrated with images' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_converted_bundle_is_not_converted_again(fp16, tmp_path, capsys):
    assert quantize(fp16.path, '--precision', 'fp16', '--out', tmp_path / 'out') == 2
    assert 'is fp16 already: give the f32 bundle' in capsys.readouterr().err


def test_a_bundle_is_not_converted_into_itself(source, tmp_path, capsys):
    (tmp_path / 'link').symlink_to(source)
    for out in (source, tmp_path / 'link'):
        assert quantize(source, '--precision', 'fp16', '--out', out) == 2
        assert 'is the bundle to convert, which stays' in capsys.readouterr().err
    assert load_bundle(source).precision == 'f32'


def test_another_folder_is_not_overwritten(source, tmp_path, capsys):
    (tmp_path / 'notes.txt').write_text('mine')
    assert quantize(source, '--precision', 'fp16', '--out', tmp_path) == 2
    assert 'exists and is not a bundle' in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ['notes.txt']


def test_golden_label_maps_are_added_to_a_bundle(tmp_path, capsys):
    folder = write_small_bundle(tmp_path / 'small', (RGB_DEPTH,))
    assert not load_bundle(folder).golden
    assert cli.main(['golden', str(folder)]) == 0
    assert '1 golden label maps' in capsys.readouterr().out
    assert cli.main(['golden', str(folder), '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {'bundle': str(folder), 'golden': [str(RGB_DEPTH)]}
    assert load_bundle(folder).golden.keys() == {RGB_DEPTH}
    assert [p.name for p in tmp_path.iterdir()] == ['small']
