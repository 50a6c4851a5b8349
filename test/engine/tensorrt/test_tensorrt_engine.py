# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What only the TensorRT engine does: memory, threads, CUDA graphs, plans that do not fit."""

import json
import os
import sys
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

from fake_tensorrt import build_engine, machine, SCRATCH_BYTES, target
import numpy as np
import onnx
from onnx import helper, TensorProto
from tiny_bundle import bundle_of, random_inputs

from mm_robust_seg import build
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.graphs import Port
from mm_robust_seg.engine.onnxruntime import OnnxRuntimeEngine
from mm_robust_seg.engine.shared_graph import CombinationGraph
from mm_robust_seg.engine.tensorrt.availability import why_unusable
from mm_robust_seg.engine.tensorrt.plans import PlanFolder
from mm_robust_seg.errors import EngineError, EngineUnavailableError
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet

PACKAGES = ('pycuda', 'cuda.bindings')
WEIGHTS = 10_000
ONE_THREAD = EngineConfig(threads=1, warmup_iterations=0)
CLEAN = {'memory': 0, 'objects': 0, 'stack': []}


@pytest.fixture(scope='module')
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


@pytest.fixture
def gpu_and_trt():
    with machine() as pair:
        yield pair


def engine_class():
    from mm_robust_seg.engine.tensorrt.engine import TensorRtEngine

    return TensorRtEngine


def visit_all(engine):
    results = {}
    for combination in engine.combinations:
        engine.activate(combination)
        results[combination] = engine.infer(random_inputs(combination))
    return results


@pytest.mark.parametrize('is_integrated', [False, True])
@pytest.mark.parametrize('package', PACKAGES)
def test_either_package_on_either_kind_of_gpu_gives_the_same_masks(
    bundle, tmp_path, package, is_integrated
):
    reference = visit_all(OnnxRuntimeEngine(bundle, ONE_THREAD))
    with machine(package, is_integrated=is_integrated) as (gpu, trt):
        engine = build_engine(bundle, tmp_path)
        for combination, prediction in visit_all(engine).items():
            np.testing.assert_array_equal(prediction.labels, reference[combination].labels)
            np.testing.assert_array_equal(prediction.confidence, reference[combination].confidence)
        engine.close()
        engine.close()
        assert gpu.leaks == CLEAN
        assert gpu.retained == 0
        assert not trt.alive


def test_two_bytes_a_pixel_come_back_and_nothing_is_copied_on_a_jetson(bundle, tmp_path):
    for is_integrated, expected in ((False, 3 * 48 * 64 * 4 + 2 * 48 * 64), (True, 0)):
        with machine(is_integrated=is_integrated) as (gpu, _):
            engine = build_engine(bundle, tmp_path)
            engine.activate(ModalitySet.parse('rgb'))
            before = gpu.copied_bytes
            engine.infer(random_inputs(engine.active))
            assert gpu.copied_bytes - before == expected
            engine.close()


def test_a_frame_is_one_launch_and_a_switch_allocates_nothing(bundle, tmp_path, gpu_and_trt):
    gpu, _ = gpu_and_trt
    engine = build_engine(bundle, tmp_path)
    launches, memory = gpu.launches, set(gpu.memory)
    gpu.log.clear()
    visit_all(engine)
    visit_all(engine)
    assert gpu.launches - launches == 2 * len(engine.combinations)
    assert set(gpu.memory) == memory
    assert not [name for name in gpu.log if name.startswith('allocate')]
    assert 'CUDA graphs' in engine.description
    engine.close()


def test_all_contexts_share_one_scratch_buffer(bundle, tmp_path, gpu_and_trt):
    gpu, trt = gpu_and_trt
    engine = build_engine(bundle, tmp_path)
    contexts = [thing for thing in trt.alive if hasattr(thing, 'scratch')]
    assert len(contexts) == 7
    assert len({context.scratch.ctypes.data for context in contexts}) == 1
    assert all(context.scratch.nbytes == SCRATCH_BYTES for context in contexts)
    del contexts
    engine.close()
    assert gpu.leaks == CLEAN


@pytest.mark.parametrize(
    'function', ['cuStreamBeginCapture_v2', 'cuStreamEndCapture', 'cuGraphInstantiateWithFlags']
)
def test_without_cuda_graphs_it_runs_and_says_so(bundle, tmp_path, gpu_and_trt, function):
    gpu, _ = gpu_and_trt
    reference = visit_all(OnnxRuntimeEngine(bundle, ONE_THREAD))
    gpu.failing[function] = 900
    engine = build_engine(bundle, tmp_path)
    assert 'without CUDA graphs' in engine.description
    assert 'CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED (900)' in engine.description
    for combination, prediction in visit_all(engine).items():
        np.testing.assert_array_equal(prediction.labels, reference[combination].labels)
    assert gpu.launches == 0
    engine.close()
    assert gpu.leaks == CLEAN


def test_a_run_that_cannot_be_recorded_leaves_the_stream_usable(bundle, tmp_path, gpu_and_trt):
    gpu, trt = gpu_and_trt
    trt.failing.add('record')
    engine = build_engine(bundle, tmp_path)
    assert 'without CUDA graphs (TensorRT cannot run' in engine.description
    assert len(visit_all(engine)) == 7
    engine.close()
    assert gpu.leaks == CLEAN


def test_it_belongs_to_one_thread(bundle, tmp_path, gpu_and_trt):
    gpu, _ = gpu_and_trt
    engine = build_engine(bundle, tmp_path)
    said = []

    def use():
        for action in (lambda: engine.infer(random_inputs(COMPLETE)), engine.close):
            try:
                action()
            except EngineError as error:
                said.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert ['another thread' in text for text in said] == [True, True]
    engine.infer(random_inputs(COMPLETE))
    engine.close()
    assert gpu.leaks == CLEAN


def test_it_lives_wholly_on_a_worker(bundle, tmp_path, gpu_and_trt):
    gpu, _ = gpu_and_trt
    results = []

    def work():
        engine = build_engine(bundle, tmp_path)
        results.append(visit_all(engine))
        engine.close()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert len(results[0]) == 7
    assert gpu.leaks == CLEAN


def test_a_failed_inference_is_an_engine_error_and_the_next_one_works(
    bundle, tmp_path, gpu_and_trt
):
    gpu, _ = gpu_and_trt
    engine = build_engine(bundle, tmp_path)
    gpu.failing['wait'] = 700
    with pytest.raises(EngineError, match=r'inference of rgb\+thermal\+depth failed: CUDA'):
        engine.infer(random_inputs(COMPLETE))
    gpu.failing.clear()
    assert engine.infer(random_inputs(COMPLETE)).labels.shape == (48, 64)
    engine.close()


@pytest.mark.parametrize('function', ['cuGraphExecDestroy', 'push', 'pop', 'release'])
def test_a_gpu_that_died_can_be_closed_and_built_again(bundle, tmp_path, gpu_and_trt, function):
    gpu, _ = gpu_and_trt
    engine = build_engine(bundle, tmp_path)
    before = engine.infer(random_inputs(COMPLETE))
    gpu.has_died = True
    gpu.failing[function] = 700
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match='closed'):
        engine.infer(random_inputs(COMPLETE))
    gpu.failing.clear()
    again = build_engine(bundle, tmp_path)
    np.testing.assert_array_equal(again.infer(random_inputs(COMPLETE)).labels, before.labels)
    again.close()


def test_a_driver_too_old_for_tensorrt_is_an_engine_error(bundle, tmp_path, gpu_and_trt):
    gpu, trt = gpu_and_trt
    said = r'TensorRT 10\.13\.3\.9 does not start with this driver and GPU: .*error: 35'
    build_engine(bundle, tmp_path).close()
    trt.failing.add('start')
    with pytest.raises(EngineError, match=said):
        engine_class()(bundle, EngineConfig(plans=str(tmp_path)))
    with pytest.raises(EngineError, match=said):
        build_engine(bundle, tmp_path / 'other')
    assert gpu.leaks == CLEAN


def test_sensors_of_a_shared_graph_are_known_by_name_whatever_the_order():
    sizes = {'presence': (1, 2, 1, 1), 'adapted': (1,)}
    shapes = {'depth': (1, 3, 4, 4), 'rgb': (1, 3, 4, 4), **sizes}
    inputs = {name: Port(shape, 'float32') for name, shape in shapes.items()}
    presence = np.array([0, 1], np.float32).reshape(1, 2, 1, 1)
    graph = SimpleNamespace(inputs=inputs, outputs={})
    assert list(CombinationGraph(graph, np.ones(1, np.float32), presence).inputs) == ['rgb']


@pytest.mark.parametrize('failing', ['deserialize', 'context', 'execute'])
def test_a_plan_that_does_not_run_is_named_and_nothing_leaks(
    bundle, tmp_path, gpu_and_trt, failing
):
    gpu, trt = gpu_and_trt
    trt.failing.add(failing)
    with pytest.raises(EngineError, match=r'TensorRT .*rgb\+thermal\+depth'):
        build_engine(bundle, tmp_path)
    assert gpu.leaks == CLEAN
    assert gpu.retained == 0


def write_shared_graph(folder):
    """Write a bundle of the little-memory kind: labels are (rgb + depth) x adapted[0]."""
    make = helper.make_tensor_value_info
    node = helper.make_node
    images = {'rgb': [1, 3, 48, 64], 'depth': [1, 3, 48, 64]}
    shapes = {'adapted': [1], 'presence': [1, 2, 1, 1], **images}
    graph = helper.make_graph(
        [
            node('Add', ['rgb', 'depth'], ['sum']),
            node('ReduceMax', ['sum'], ['most'], axes=[1], keepdims=0),
            node('Mul', ['most', 'adapted'], ['scaled']),
            node('Cast', ['scaled'], ['labels'], to=TensorProto.UINT8),
            node('ReduceSum', ['presence'], ['absent'], keepdims=0),
            node('Add', ['most', 'absent'], ['sure']),
            node('Cast', ['sure'], ['confidence'], to=TensorProto.UINT8),
        ],
        'shared',
        [make(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [make(name, TensorProto.UINT8, [1, 48, 64]) for name in ('labels', 'confidence')],
    )
    opset = [helper.make_opsetid('', 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / 'shared.onnx')
    graphs = {}
    for factor, name in enumerate(['rgb+depth', 'rgb', 'depth'], start=1):
        combination = ModalitySet.parse(name)
        presence = [0.0 if m in name else 1.0 for m in ('rgb', 'depth')]
        graphs[combination] = folder / f'{name}.npz'
        np.savez(
            graphs[combination],
            adapted=np.array([factor], np.float32),
            presence=np.array(presence, np.float32).reshape(1, 2, 1, 1),
        )
    return graphs


def test_a_shared_graph_is_one_plan_for_all_combinations(tmp_path, gpu_and_trt):
    gpu, trt = gpu_and_trt
    graphs = write_shared_graph(tmp_path)
    reference = OnnxRuntimeEngine(bundle_of(graphs), ONE_THREAD)
    engine = build_engine(bundle_of(graphs), tmp_path / 'engines')
    assert len(trt.built) == 1
    assert engine.combinations == tuple(graphs)
    for combination in [*graphs, *reversed(graphs)]:
        inputs = {m: 5 * abs(x) for m, x in random_inputs(combination).items()}
        engine.activate(combination)
        reference.activate(combination)
        found, expected = engine.infer(inputs), reference.infer(inputs)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.confidence, expected.confidence)
    engine.close()
    assert gpu.leaks == CLEAN


# Out of memory


def room_for(count, slack=0):
    buffers = (8 * 4 + 2) * 48 * 64 + 6 * 512 + SCRATCH_BYTES
    return count * WEIGHTS + buffers + slack


@pytest.mark.parametrize(
    ('room', 'kept'),
    [
        (room_for(7), all_combinations()),
        (room_for(5), tuple(c for c in all_combinations() if len(c) != 2)),
        (room_for(3), tuple(c for c in all_combinations() if len(c) == 1)),
    ],
)
def test_the_gpu_keeps_what_a_robot_needs_most(bundle, tmp_path, room, kept):
    with machine(room=room) as (gpu, _):
        engine = build_engine(bundle, tmp_path)
        assert engine.combinations == kept
        assert set(visit_all(engine)) == set(kept)
        dropped = [str(c) for c in all_combinations() if c not in kept]
        assert engine.description.endswith(
            f'no GPU memory for {", ".join(dropped)}' if dropped else 'CUDA graphs'
        )
        engine.close()
        assert gpu.leaks == CLEAN


@pytest.mark.parametrize('room', [0, 2 * WEIGHTS, 3 * WEIGHTS + 50])
def test_without_room_for_single_sensors_another_runtime_is_asked_for(bundle, tmp_path, room):
    with machine() as (gpu, trt):
        build_engine(bundle, tmp_path).close()
        gpu.room = room
        with pytest.raises(EngineUnavailableError, match=r'no room for .*rgb, thermal, depth'):
            engine_class()(bundle, EngineConfig(plans=str(tmp_path)))
        assert gpu.leaks == CLEAN
        assert gpu.retained == 0
        assert not trt.alive


def test_without_room_for_a_context_another_runtime_is_asked_for(bundle, tmp_path):
    with machine('cuda.bindings') as (gpu, _):
        build_engine(bundle, tmp_path).close()
        gpu.failing['retain'] = 2
        with pytest.raises(EngineUnavailableError, match='no room for'):
            engine_class()(bundle, EngineConfig(plans=str(tmp_path)))
        assert gpu.leaks == CLEAN


# Plans that do not fit


@pytest.fixture
def built(bundle, tmp_path):
    with machine():
        build_engine(bundle, tmp_path).close()
    return EngineConfig(plans=str(tmp_path))


@pytest.mark.parametrize(
    ('other', 'said'),
    [
        ({'version': '10.16.1.11'}, 'TensorRT is 10.16.1.11, it was built for 10.13.3.9'),
        ({'name': 'Orin'}, 'the GPU is Orin, it was built for Fake GPU'),
        ({'multiprocessors': 8}, 'number of its multiprocessors is 8, it was built for 16'),
        (
            {'version': '11.4.0', 'name': 'Thor'},
            'TensorRT is 11.4.0, .*, the GPU is Thor, it was built for Fake GPU',
        ),
    ],
)
def test_another_machine_is_named_with_the_command_that_mends_it(bundle, built, other, said):
    with machine(**other) as (gpu, _):
        with pytest.raises(EngineError, match=said) as caught:
            engine_class()(bundle, built)
        assert 'mm-robust-seg build-engines' in str(caught.value)
        assert str(caught.value).count('TensorRT is') <= 1, 'said once for all plans'
        assert not isinstance(caught.value, EngineUnavailableError)
        assert gpu.retained == 0


def test_on_mismatch_cpu_asks_for_another_runtime(bundle, built):
    config = EngineConfig(plans=built.plans, on_mismatch='cpu')
    with machine(version='11.4.0'), pytest.raises(EngineUnavailableError, match='TensorRT is'):
        engine_class()(bundle, config)


def test_on_mismatch_rebuild_builds_and_runs(bundle, built):
    config = EngineConfig(plans=built.plans, on_mismatch='rebuild')
    with machine(version='11.4.0') as (_, trt):
        engine = engine_class()(bundle, config)
        assert len(trt.built) == 7
        assert len(visit_all(engine)) == 7
        engine.close()
        engine_class()(bundle, config).close()
        assert len(trt.built) == 7


@pytest.mark.parametrize(
    ('damage', 'said'),
    [
        (lambda data: data[:-1], 'truncated or replaced: it has .* bytes'),
        (lambda data: b'x' + data[1:], r'rgb\.plan was altered'),
        (lambda data: b'', 'it has 0 bytes'),
    ],
)
def test_a_damaged_plan_never_reaches_tensorrt(bundle, built, damage, said):
    with machine() as (_, trt):
        plan = PlanFolder(bundle, built.plans).path / 'rgb.plan'
        plan.write_bytes(damage(plan.read_bytes()))
        trt.failing.add('deserialize')
        with pytest.raises(EngineError, match=said) as caught:
            engine_class()(bundle, built)
        assert 'build-engines' in str(caught.value)
        trt.failing.clear()
        config = EngineConfig(plans=built.plans, on_mismatch='rebuild')
        engine_class()(bundle, config).close()
        assert [path.rpartition('/')[2] for path in trt.built] == ['rgb.onnx']


def test_a_sidecar_that_was_edited_covers_nothing(bundle, built):
    with machine(version='11.4.0'):
        for path in PlanFolder(bundle, built.plans).path.glob('*.json'):
            values = json.loads(path.read_text())
            path.write_text(json.dumps({**values, 'tensorrt': '11.4.0'}))
        with pytest.raises(EngineError, match='was altered or is of another version'):
            engine_class()(bundle, built)


def test_plans_that_others_may_write_are_refused(bundle, built):
    with machine():
        folder = PlanFolder(bundle, built.plans).path
        for mode in (0o777, 0o775):
            folder.chmod(mode)
            with pytest.raises(EngineError, match='can be written by other users'):
                engine_class()(bundle, built)
        folder.chmod(0o755)
        engine_class()(bundle, built).close()


def test_plans_are_for_their_owner_to_write_whatever_the_umask(bundle, tmp_path):
    before = os.umask(0)
    try:
        with machine():
            build_engine(bundle, tmp_path).close()
    finally:
        os.umask(before)


# Whether it can be used at all


def test_a_machine_without_driver_says_so(bundle):
    assert why_unusable(bundle, EngineConfig()).startswith('there is no NVIDIA driver')


def test_a_machine_without_gpu_never_touches_the_runtime(bundle):
    with machine(count=0) as (gpu, _):
        text = 'there is no GPU number 0: CUDA finds 0'
        assert why_unusable(bundle, EngineConfig()).startswith(text)
        with pytest.raises(EngineError, match=text):
            engine_class()(bundle, EngineConfig())
        assert gpu.log == ['cuInit', 'cuDeviceGetCount'] * 2


def test_missing_packages_are_named(bundle, monkeypatch):
    with machine(package=None):
        assert 'neither pycuda nor cuda.bindings' in why_unusable(bundle, EngineConfig())
    with machine(), monkeypatch.context() as context:
        context.setitem(sys.modules, 'tensorrt', None)
        assert 'tensorrt cannot be imported' in why_unusable(bundle, EngineConfig())


def test_usable_means_that_there_are_plans_or_they_may_be_built(bundle, built, tmp_path):
    with machine():
        assert why_unusable(bundle, built) == ''
        nowhere = str(tmp_path / 'nowhere')
        command = f'build-engines {bundle.graphs[COMPLETE].parent} --plans {nowhere}'
        assert command in why_unusable(bundle, EngineConfig(plans=nowhere))
        PlanFolder(bundle, built.plans).plan_of(bundle.graphs[COMPLETE]).unlink()
        said = '1 of 7 TensorRT engines of tiny are not built yet'
        assert why_unusable(bundle, built).startswith(said), 'as while they are being built'
        config = EngineConfig(plans=nowhere, on_mismatch='rebuild')
        assert why_unusable(bundle, config) == ''


# Through build.py


def build_by(tiny_bundle, config, **properties):
    notes = []
    with machine(**properties):
        engine = build.build_engine(config, load_bundle(tiny_bundle), note=notes.append)
        description = engine.description
        engine.close()
    return description, notes


def test_auto_takes_tensorrt_where_it_can_be_used(tiny_bundle, built):
    description, notes = build_by(tiny_bundle, built)
    assert description.startswith('TensorRT 10.13.3.9 on Fake GPU')
    assert notes == [
        'tensorrt is used, the first usable of tensorrt, onnxruntime_cuda, openvino, onnxruntime: '
        + description
    ]


@pytest.mark.parametrize(
    ('properties', 'said'),
    [
        ({'room': 0}, 'tensorrt is not used: Fake GPU has no room for'),
        ({'count': 0}, 'tensorrt is not used: there is no GPU number 0'),
        ({'package': None}, 'tensorrt is not used: neither pycuda nor cuda.bindings'),
    ],
)
def test_auto_takes_a_cpu_and_says_why(tiny_bundle, built, properties, said):
    description, notes = build_by(tiny_bundle, built, **properties)
    assert ' on CPU' in description
    assert notes[0].startswith(said)


def test_auto_does_not_hide_a_mismatch_unless_told_so(tiny_bundle, built):
    with pytest.raises(EngineError, match='TensorRT is 11'):
        build_by(tiny_bundle, built, version='11.4.0')
    config = EngineConfig(plans=built.plans, on_mismatch='cpu')
    description, notes = build_by(tiny_bundle, config, version='11.4.0')
    assert ' on CPU' in description
    assert 'TensorRT is 11.4.0, it was built for 10.13.3.9' in notes[0]


def test_the_target_is_the_machine(bundle):
    with machine(name='Orin'):
        found = target(bundle)
    assert (found.gpu, found.compute_capability, found.cuda) == ('Orin', '8.7', '12.6')
    assert (found.tensorrt, found.precision) == ('10.13.3.9', 'f32')
