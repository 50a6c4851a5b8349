# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The TensorRT engine on the real thing; skipped where there is none."""

from dataclasses import replace
from functools import lru_cache
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading

import pytest

pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

from fake_tensorrt import build_engine
import numpy as np

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.datasets.simulated import Simulated
from mm_robust_seg.engine.onnxruntime import OnnxRuntimeEngine
from mm_robust_seg.engine.tensorrt.availability import why_unusable
from mm_robust_seg.engine.tensorrt.device_memory import Device, find_device
from mm_robust_seg.modality import all_combinations, COMPLETE
from mm_robust_seg.stages.preprocess import network_input

pytestmark = pytest.mark.gpu

BUNDLE = os.environ.get('GPU_TEST_BUNDLE', 'sim')
"""Set it to an fp16 or int8 bundle to hold that one against ONNX Runtime."""

LABELS = {'f32': 0.995, 'fp16': 0.995, 'int8': 0.95}
"""Share of labels that must be those of ONNX Runtime, by precision."""

CONFIDENCE = {'f32': (1, 0.995), 'fp16': (12, 0.97), 'int8': (25, 0.9)}
"""Of how many pixels the confidence may be off by how many steps of 255 at most."""

SWITCHES = 1000
MIB = 1 << 20


@pytest.fixture(scope='module')
def bundle():
    bundle = load_bundle(find_bundle(BUNDLE))
    reason = why_unusable(bundle, EngineConfig(on_mismatch='rebuild'))
    if reason:
        pytest.skip(f'needs an NVIDIA GPU with TensorRT: {reason}')
    return bundle


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return tmp_path_factory.mktemp('engines')


@pytest.fixture
def engine(bundle, root):
    engine = build_engine(bundle, root)
    yield engine
    engine.close()


@lru_cache
def scenes(width_px, height_px):
    return list(Simulated(3, 1, width_px, height_px))


def inputs_for(bundle, combination, index=0):
    """Take a simulated scene: in noise even correct half precision changes 0.6 % of labels."""
    scene = scenes(bundle.inputs.width_px, bundle.inputs.height_px)[index]
    return {m: network_input(m, scene.images[m], bundle.inputs)[np.newaxis] for m in combination}


def free_bytes():
    device = Device(find_device(0))
    with device:
        free = device.free_bytes()
    device.close()
    return free


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_it_computes_what_onnx_runtime_does(engine, bundle, combination):
    if combination not in bundle.graphs:
        pytest.skip(f'{bundle.name} does not serve {combination}')
    alone = replace(bundle, graphs={combination: bundle.graphs[combination]})
    reference = OnnxRuntimeEngine(alone, EngineConfig(warmup_iterations=0))
    engine.activate(combination)
    most, share = CONFIDENCE[bundle.precision]
    for index in range(3):
        inputs = inputs_for(bundle, combination, index)
        ours, theirs = engine.infer(inputs), reference.infer(inputs)
        assert (ours.labels == theirs.labels).mean() >= LABELS[bundle.precision]
        steps = np.abs(ours.confidence.astype(int) - theirs.confidence.astype(int))
        assert (steps <= most).mean() >= share


def test_it_records_cuda_graphs(engine):
    assert engine.description.endswith('CUDA graphs')


def test_random_switches_under_load_change_nothing_and_keep_memory_flat(engine, bundle):
    inputs = {c: inputs_for(bundle, c) for c in engine.combinations}
    expected = {}
    for combination in engine.combinations:
        engine.activate(combination)
        expected[combination] = engine.infer(inputs[combination])
    stop = threading.Event()
    load = threading.Thread(target=lambda: burn(stop))
    load.start()
    try:
        before = free_bytes()
        rng = np.random.default_rng(0)
        for index in rng.integers(len(engine.combinations), size=SWITCHES):
            combination = engine.combinations[index]
            engine.activate(combination)
            found = engine.infer(inputs[combination])
            np.testing.assert_array_equal(found.labels, expected[combination].labels)
        assert abs(before - free_bytes()) < 8 * MIB
    finally:
        stop.set()
        load.join()


def burn(stop):
    square = np.ones((300, 300), np.float32)
    while not stop.is_set():
        square = square @ square
        square /= square.max()


def test_building_and_closing_again_keeps_memory_flat(bundle, root):
    for _ in range(2):
        build_engine(bundle, root).close()
    before = free_bytes()
    for _ in range(5):
        build_engine(bundle, root).close()
    assert abs(before - free_bytes()) < 16 * MIB


VICTIM = """
import sys
import numpy as np
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.tensorrt.engine import TensorRtEngine
from pathlib import Path
bundle = load_bundle(Path(sys.argv[1]))
engine = TensorRtEngine(bundle, EngineConfig(plans=sys.argv[2]))
size = (bundle.inputs.height_px, bundle.inputs.width_px)
inputs = {m: np.zeros((1, KINDS[m].channels, *size), np.float32) for m in engine.active}
while True:
    engine.infer(inputs)
    print(end='.', flush=True)
"""


def test_a_killed_engine_leaves_the_gpu_to_the_next(engine, bundle, root):
    before = engine.infer(inputs_for(bundle, COMPLETE & engine.active))
    arguments = [sys.executable, '-c', VICTIM, str(bundle.path), str(root)]
    environment = {**os.environ, 'PYTHONPATH': str(Path(__file__).parents[3])}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as victim:
        assert victim.stdout.read(20) == b'.' * 20
        victim.send_signal(signal.SIGKILL)
        victim.wait(30)
    again = build_engine(bundle, root)
    after = again.infer(inputs_for(bundle, again.active))
    np.testing.assert_array_equal(after.labels, before.labels)
    again.close()
