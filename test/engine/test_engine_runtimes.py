# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is particular to one runtime, or compares them."""

from dataclasses import replace

import pytest

pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

import numpy as np
from tiny_bundle import bundle_of, random_inputs

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine import onnxruntime_cuda
from mm_robust_seg.engine import openvino as openvino_engine
from mm_robust_seg.engine.graphs import GraphEngine
from mm_robust_seg.engine.onnxruntime import OnnxRuntimeEngine
from mm_robust_seg.engine.onnxruntime_cuda import OnnxRuntimeCudaEngine
from mm_robust_seg.engine.openvino import OpenVinoEngine, ov
from mm_robust_seg.errors import EngineError, EngineUnavailableError
from mm_robust_seg.modality import all_combinations, COMPLETE

CUDA = 'CUDAExecutionProvider'


COLD = EngineConfig(threads=1, warmup_iterations=0, cache='off')


@pytest.fixture(scope='module')
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


def test_the_runtimes_agree(bundle):
    one, other = OpenVinoEngine(bundle, COLD), OnnxRuntimeEngine(bundle, COLD)
    for combination in all_combinations():
        results = []
        for engine in (one, other):
            engine.activate(combination)
            results.append(engine.infer(random_inputs(combination)))
        np.testing.assert_array_equal(results[0].labels, results[1].labels)
        difference = np.subtract(results[0].confidence, results[1].confidence, dtype=np.int16)
        assert abs(difference).max() <= 1


class LoadedModels:
    """Records the options OpenVINO is asked for."""

    def __init__(self, capabilities):
        self._core = ov.Core()
        self._capabilities = capabilities
        self.options = []

    def compile_model(self, path, device, options):
        self.options.append(options)
        return self._core.compile_model(path, device, options)

    def get_property(self, device, name):
        return self._capabilities


def test_openvino_is_told_its_precision_and_threads(bundle, monkeypatch):
    core = LoadedModels(['FP32'])
    monkeypatch.setattr(openvino_engine, '_core', lambda: core)
    OpenVinoEngine(bundle, COLD)
    expected = {
        'INFERENCE_PRECISION_HINT': 'f32',
        'INFERENCE_NUM_THREADS': 1,
        'PERFORMANCE_HINT': 'LATENCY',
        'ENABLE_CPU_PINNING': False,
    }
    assert core.options == [expected] * 7


def test_bf16_is_refused_where_the_cpu_lacks_it(bundle, monkeypatch):
    monkeypatch.setattr(openvino_engine, '_core', lambda: LoadedModels(['FP32']))
    with pytest.raises(EngineError, match=r'no bf16 .* set engine.precision to f32'):
        OpenVinoEngine(bundle, replace(COLD, precision='bf16'))


def results(engine):
    found = {}
    for combination in engine.combinations:
        engine.activate(combination)
        prediction = engine.infer(random_inputs(combination))
        found[combination] = (prediction.labels, prediction.confidence)
    return found


def cached(folder):
    return replace(COLD, cache=str(folder))


def test_compiled_models_come_from_the_cache_and_compute_the_same(bundle, tmp_path, monkeypatch):
    expected = results(OpenVinoEngine(bundle, COLD))
    OpenVinoEngine(bundle, cached(tmp_path))
    loaded = []
    compiled = openvino_engine._compiled

    def noted(*arguments):
        loaded.append(compiled(*arguments))
        return loaded[-1]

    monkeypatch.setattr(openvino_engine, '_compiled', noted)
    engine = OpenVinoEngine(bundle, cached(tmp_path))
    assert [model.get_property('LOADED_FROM_CACHE') for model in loaded] == [True] * 7
    np.testing.assert_equal(results(engine), expected)


@pytest.mark.parametrize('keep', [0.0, 0.5, 0.99])
def test_a_truncated_cache_is_made_anew(bundle, tmp_path, keep):
    expected = results(OpenVinoEngine(bundle, cached(tmp_path)))
    files = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(data[: int(keep * len(data))])
    np.testing.assert_equal(results(OpenVinoEngine(bundle, cached(tmp_path))), expected)


def test_where_nothing_can_be_cached_models_are_compiled(bundle, tmp_path):
    (tmp_path / 'file').write_text('not a folder')
    OpenVinoEngine(bundle, replace(cached(tmp_path / 'file' / 'cache'), warmup_iterations=1))


def test_a_precision_of_the_graphs_is_told(bundle):
    int8 = replace(bundle, precision='int8')
    engines = [
        OpenVinoEngine(int8, COLD),
        OnnxRuntimeEngine(int8, COLD),
    ]
    assert [e.description.partition(' on ')[2] for e in engines] == [
        'CPU, int8 in f32, 1 threads',
        'CPU, int8, 1 threads',
    ]


def test_a_provider_that_does_not_start_makes_cuda_unavailable(bundle, monkeypatch):
    monkeypatch.setattr(onnxruntime_cuda.ort, 'get_available_providers', lambda: [CUDA])
    monkeypatch.setattr(onnxruntime_cuda.ort, 'InferenceSession', SessionWithoutCuda)
    with pytest.raises(EngineUnavailableError, match=r'does not start on device 3: install the'):
        OnnxRuntimeCudaEngine(bundle, replace(COLD, device_id=3))


class SessionWithoutCuda:
    def __init__(self, path, options, providers):
        assert providers == [(CUDA, {'device_id': 3})]

    def get_providers(self):
        return ['CPUExecutionProvider']


def test_a_graph_that_the_gpu_cannot_load_makes_cuda_unavailable(tmp_path, monkeypatch):
    monkeypatch.setattr(onnxruntime_cuda, '_PROVIDER', 'CPUExecutionProvider')
    with pytest.raises(EngineUnavailableError, match=r'absent\.onnx cannot be loaded'):
        OnnxRuntimeCudaEngine(bundle_of({COMPLETE: tmp_path / 'absent.onnx'}), COLD)


class CountingGraph:
    """Counts its runs; fails once it has made ``limit`` of them."""

    def __init__(self, loaded, limit=100):
        self.inputs, self.outputs = loaded.inputs, loaded.outputs
        self.runs, self._loaded, self._limit = 0, loaded, limit

    def run(self, inputs):
        self.runs += 1
        if self.runs > self._limit:
            raise RuntimeError('out of memory')
        return self._loaded.run(inputs)


def counting_engine(bundle, warmup_iterations, limit=100):
    real = OnnxRuntimeEngine(bundle, COLD)._graphs
    by_path = {bundle.graphs[c]: CountingGraph(graph, limit) for c, graph in real.items()}
    engine = GraphEngine('counting', by_path.__getitem__, bundle, warmup_iterations)
    return engine, list(by_path.values())


def test_every_graph_is_warmed_as_often_as_asked(bundle):
    _, loaded = counting_engine(bundle, 3)
    assert [graph.runs for graph in loaded] == [3] * 7


def test_a_failure_of_the_runtime_becomes_an_engine_error(bundle):
    engine, _ = counting_engine(bundle, 0, limit=0)
    with pytest.raises(EngineError, match=r'inference of rgb\+thermal\+depth failed: out of'):
        engine.infer(random_inputs(COMPLETE))
