# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What every runtime must do; each test runs once per engine."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
import re
import shutil
from tempfile import TemporaryDirectory

import pytest

pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

import fake_tensorrt
from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st
import numpy as np
import onnx
from tiny_bundle import bundle_of, random_inputs

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine import onnxruntime_cuda
from mm_robust_seg.engine.base import never
from mm_robust_seg.engine.onnxruntime import OnnxRuntimeEngine
from mm_robust_seg.engine.openvino import OpenVinoEngine
from mm_robust_seg.engine.tensorrt.availability import why_unusable
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet

RGB = ModalitySet([Modality.RGB])


def cached(bundle, config, is_cancelled):
    with TemporaryDirectory() as folder:
        config = replace(config, cache=folder)
        OpenVinoEngine(bundle, config)
        return OpenVinoEngine(bundle, config, is_cancelled)


def bound(bundle, config, is_cancelled):
    """Build the engine for CUDA, but on the provider that is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime_cuda, '_PROVIDER', 'CPUExecutionProvider')
        patch.setattr(onnxruntime_cuda, '_DEVICE', 'cpu')
        return onnxruntime_cuda.OnnxRuntimeCudaEngine(bundle, config, is_cancelled)


MAKERS = {
    'openvino': OpenVinoEngine,
    'openvino from its cache': cached,
    'onnxruntime on bound memory': bound,
    'onnxruntime': OnnxRuntimeEngine,
}


@pytest.fixture(scope='module')
def graphs(tiny_bundle: Path):
    return load_bundle(tiny_bundle).graphs


ON_A_GPU = pytest.param('gpu', marks=pytest.mark.gpu)


@pytest.fixture(scope='module', params=[*MAKERS, 'tensorrt', ON_A_GPU])
def build(request, tmp_path_factory, graphs):
    """Make an engine of graphs, warmed so often, unless it is cancelled."""

    def made_by(make, **settings):
        def build(graphs, warmup=1, is_cancelled=never):
            config = EngineConfig(threads=1, warmup_iterations=warmup, cache='off', **settings)
            return make(bundle_of(graphs), config, is_cancelled)

        return build

    if request.param in MAKERS:
        yield made_by(MAKERS[request.param])
        return
    reason = why_unusable(bundle_of(graphs), EngineConfig(on_mismatch='rebuild'))
    if request.param == 'gpu' and reason:
        pytest.skip(f'needs an NVIDIA GPU with TensorRT: {reason}')
    root = tmp_path_factory.mktemp('engines')
    with fake_tensorrt.machine() if request.param == 'tensorrt' else nullcontext():
        yield made_by(fake_tensorrt.build_and_open, plans=str(root))


@pytest.fixture(scope='module')
def engine(build, graphs):
    engine = build(graphs)
    yield engine
    engine.close()


def test_every_combination_is_loaded_the_largest_first(engine):
    assert engine.combinations == all_combinations()


def test_the_largest_combination_is_active_at_first(build, graphs):
    assert build(dict(reversed(graphs.items())), 0).active == COMPLETE


def test_description_names_version_device_and_precision(engine):
    devices = r'CPU, f32, 1 threads|CUDA device 0, f32|.* \(\d+\.\d+\), f32'
    assert re.search(f' on ({devices})', engine.description)
    assert any(character.isdigit() for character in engine.description.partition(' on ')[0])


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_predictions_are_the_reference_computation(engine, combination, tiny_bundle):
    engine.activate(combination)
    inputs = random_inputs(combination)
    prediction = engine.infer(inputs)
    probabilities = reference(tiny_bundle / f'{combination}.onnx', inputs)
    assert engine.active == combination
    assert prediction.labels.shape == prediction.confidence.shape == (48, 64)
    assert prediction.labels.dtype == prediction.confidence.dtype == np.uint8
    np.testing.assert_array_equal(prediction.labels, probabilities.argmax(0))
    difference = prediction.confidence.astype(int) - (255 * probabilities.max(0)).astype(int)
    assert abs(difference).max() <= 1
    assert prediction.duration_s > 0


def reference(path: Path, inputs) -> np.ndarray:
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    logits = constants['bias'][0] + sum(
        np.einsum('kc,chw->khw', constants[f'weight.{m}'][..., 0, 0], array[0])
        for m, array in inputs.items()
    )
    exponentials = np.exp(logits - logits.max(0))
    return exponentials / exponentials.sum(0)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(order=st.lists(st.sampled_from(all_combinations()), min_size=1, max_size=8))
def test_switching_gives_the_outputs_of_a_fresh_engine(engine, fresh_outputs, order):
    for combination in order:
        engine.activate(combination)
        prediction = engine.infer(random_inputs(combination))
        np.testing.assert_array_equal(prediction.labels, fresh_outputs[combination].labels)
        np.testing.assert_array_equal(prediction.confidence, fresh_outputs[combination].confidence)


@pytest.fixture(scope='module')
def fresh_outputs(build, graphs):
    return {c: build({c: path}, 0).infer(random_inputs(c)) for c, path in graphs.items()}


def test_outputs_stay_valid_after_later_inferences(engine):
    engine.activate(COMPLETE)
    first = engine.infer(random_inputs(COMPLETE, seed=1))
    kept = first.labels.copy(), first.confidence.copy()
    second = engine.infer(random_inputs(COMPLETE, seed=2))
    assert not np.array_equal(kept[0], second.labels)
    np.testing.assert_array_equal(first.labels, kept[0])
    np.testing.assert_array_equal(first.confidence, kept[1])


def test_inputs_may_be_read_only_strided_and_are_left_alone(engine):
    engine.activate(RGB)
    inputs = random_inputs(RGB)
    expected = engine.infer(inputs).labels
    strided = np.asfortranarray(inputs[Modality.RGB])
    strided.setflags(write=False)
    before = strided.copy()
    np.testing.assert_array_equal(engine.infer({Modality.RGB: strided}).labels, expected)
    np.testing.assert_array_equal(strided, before)


def test_a_combination_without_graph_is_refused_and_nothing_changes(build, graphs):
    engine = build({c: p for c, p in graphs.items() if c != RGB}, 0)
    with pytest.raises(EngineError, match=r'no graph for rgb: this engine serves rgb\+thermal'):
        engine.activate(RGB)
    assert engine.active == COMPLETE


@pytest.mark.parametrize(
    ('inputs', 'message'),
    [
        (lambda: random_inputs(COMPLETE), r'inputs of rgb\+thermal\+depth, but rgb is active'),
        (dict, 'inputs of none, but rgb is active'),
        (
            lambda: {Modality.RGB: np.zeros((1, 3, 48, 60), np.float32)},
            r'float32 \(1, 3, 48, 60\); expected float32 \(1, 3, 48, 64\)',
        ),
        (lambda: {Modality.RGB: np.zeros((1, 3, 48, 64))}, 'input rgb is float64'),
    ],
)
def test_wrong_inputs_are_named(engine, inputs, message):
    engine.activate(RGB)
    with pytest.raises(EngineError, match=message):
        engine.infer(inputs())


def test_a_closed_engine_says_so(build, graphs):
    engine = build({RGB: graphs[RGB]})
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match='engine is closed'):
        engine.infer(random_inputs(RGB))
    with pytest.raises(EngineError, match='engine is closed'):
        engine.activate(RGB)


def test_one_that_nobody_wants_any_more_is_not_loaded(build, graphs):
    with pytest.raises(EngineError, match='cancelled'):
        build(graphs, is_cancelled=lambda: True)


def test_no_graph_at_all_is_refused(build):
    with pytest.raises(EngineError, match='got no graph'):
        build({})


@pytest.mark.parametrize('content', [b'', b'not a graph'])
def test_a_broken_file_is_named(build, tmp_path, content):
    path = tmp_path / 'rgb.onnx'
    path.write_bytes(content)
    with pytest.raises(EngineError, match=r'rgb\.onnx'):
        build({RGB: path})


def test_a_missing_file_is_named(build, tmp_path):
    with pytest.raises(EngineError, match=r'absent\.onnx cannot be loaded'):
        build({RGB: tmp_path / 'absent.onnx'})


def test_the_graph_of_another_combination_is_refused(build, graphs):
    with pytest.raises(EngineError, match=r'has rgb: .*thermal: .*the graph of rgb is expected'):
        build({RGB: graphs[ModalitySet.parse('rgb+thermal')]})


def edit_size(model, size):
    for port in [*model.graph.input, *model.graph.output]:
        port.type.tensor_type.shape.dim[-1].Clear()
        if size:
            port.type.tensor_type.shape.dim[-1].dim_param = size


def edit_output_name(model):
    for node in model.graph.node:
        node.output[:] = ['mask' if name == 'labels' else name for name in node.output]
    for port in model.graph.output:
        port.name = 'mask' if port.name == 'labels' else port.name


@pytest.mark.parametrize('edit', [lambda m: edit_size(m, 'width'), edit_output_name])
def test_a_graph_against_the_convention_is_refused(build, graphs, tmp_path, edit):
    model = onnx.load(graphs[RGB], load_external_data=False)
    edit(model)
    shutil.copy(graphs[RGB].parent / 'base.safetensors', tmp_path)
    onnx.save(model, tmp_path / 'rgb.onnx')
    with pytest.raises(EngineError, match='export the bundle again'):
        build({RGB: tmp_path / 'rgb.onnx'})
