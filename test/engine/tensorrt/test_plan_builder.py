# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Building plans, and the command that does it."""

import fcntl
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

from fake_tensorrt import machine, target
import onnx
from onnx import helper, TensorProto
from tiny_bundle import bundle_of

from mm_robust_seg import cli
from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.engine.tensorrt.plans import PlanFolder
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import ModalitySet

RGB = ModalitySet.parse('rgb')


@pytest.fixture(scope='module')
def graphs(tiny_bundle):
    return load_bundle(tiny_bundle).graphs


@pytest.fixture
def gpu_and_trt():
    with machine() as pair:
        yield pair


def build(graphs, root, **options):
    from mm_robust_seg.engine.tensorrt.plan_builder import build_plans

    folder = PlanFolder(bundle_of(graphs), str(root))
    return build_plans(folder, target(bundle_of(graphs)), 0, **options)


def litter(root):
    """Return what a clean build would not leave behind."""
    expected = ('.plan', '.json', '.cache', '.lock')
    return [p for p in root.rglob('*') if p.is_file() and not p.name.endswith(expected)]


def test_what_fits_is_not_built_again(graphs, tmp_path, gpu_and_trt):
    gpu, trt = gpu_and_trt
    assert build(graphs, tmp_path) == tuple(graphs.values())
    assert build(graphs, tmp_path) == ()
    assert len(trt.built) == 7
    assert build(graphs, tmp_path, is_forced=True) == tuple(graphs.values())
    assert gpu.leaks == {'memory': 0, 'objects': 0, 'stack': []}
    assert litter(tmp_path) == []


def test_measurements_are_shared_and_foreign_ones_dropped(graphs, tmp_path, gpu_and_trt):
    build(graphs, tmp_path)
    (cache,) = tmp_path.glob('timing-10.13.3.9-8.7.cache')
    assert cache.read_bytes() == b'+' * 7
    for useless in (b'foreign', b'damaged'):
        cache.write_bytes(useless)
        build({RGB: graphs[RGB]}, tmp_path, is_forced=True)
        assert cache.read_bytes() == b'+'


def test_one_context_serves_all_builds(graphs, tmp_path, gpu_and_trt):
    gpu, trt = gpu_and_trt
    build(graphs, tmp_path)
    assert trt.builders == 7
    assert gpu.log.count('retain') == 1


def test_a_folder_that_cannot_be_written_is_an_engine_error(graphs, tmp_path, gpu_and_trt):
    (tmp_path / 'engines').write_text('a file')
    with pytest.raises(EngineError, match=r'engines cannot be written: .*--plans'):
        build(graphs, tmp_path / 'engines')
    (tmp_path / 'good').mkdir()
    PlanFolder(bundle_of(graphs), str(tmp_path / 'good')).path.write_text('a file')
    with pytest.raises(EngineError, match='cannot be written'):
        build(graphs, tmp_path / 'good')


def test_progress_rises_to_the_end(graphs, tmp_path, gpu_and_trt):
    told = []
    build({RGB: graphs[RGB]}, tmp_path, report=lambda *news: told.append(news))
    shares = [share for _, _, share in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert told[-1] == (graphs[RGB], 'done', 1.0)
    assert {phase for _, phase, _ in told} == {'Building Engine', 'Tactics', 'done'}


class Interrupting:
    """Sends Ctrl-C in the middle of the plan that comes after some others."""

    def __init__(self, after):
        self.left = after

    def __call__(self, source, phase, share):
        if phase == 'done':
            self.left -= 1
        elif self.left == 0 and share > 0:
            self.left = -1
            os.kill(os.getpid(), signal.SIGINT)
        elif self.left < 0:
            time.sleep(0.01)


@pytest.fixture
def interruptible():
    """Make Ctrl-C be felt: a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('interruptible')
def test_ctrl_c_keeps_what_is_done_and_nothing_half(graphs, tmp_path, gpu_and_trt):
    gpu, trt = gpu_and_trt
    trt.steps = 200
    with pytest.raises(KeyboardInterrupt):
        build(graphs, tmp_path, report=Interrupting(2))
    assert gpu.leaks == {'memory': 0, 'objects': 0, 'stack': []}
    assert litter(tmp_path) == []
    assert len(list(tmp_path.rglob('*.plan'))) == 2
    trt.steps = 3
    assert len(build(graphs, tmp_path)) == 5


def test_a_cancelled_build_keeps_what_is_done_and_nothing_half(graphs, tmp_path, gpu_and_trt):
    gpu, trt = gpu_and_trt
    done, told = threading.Event(), []

    def report(source, phase, share):
        told.append(phase)
        if phase == 'done':
            trt.steps = 5000
            done.set()
        elif done.is_set():
            time.sleep(0.001)

    with pytest.raises(EngineError, match='cancelled while TensorRT engines were being built'):
        build(graphs, tmp_path, report=report, is_cancelled=done.is_set)
    assert told[-1] != 'done', 'it ended in the middle of a plan'
    assert gpu.leaks == {'memory': 0, 'objects': 0, 'stack': []}
    assert litter(tmp_path) == []
    assert len(list(tmp_path.rglob('*.plan'))) == 1
    trt.steps = 3
    assert len(build(graphs, tmp_path)) == 6


def test_building_a_pipeline_can_be_cancelled_on_any_thread(tiny_bundle, tmp_path, gpu_and_trt):
    gpu_and_trt[1].steps = 10**6
    given = {'backend': 'tensorrt', 'on_mismatch': 'rebuild', 'plans': str(tmp_path)}
    settings = Config(engine=EngineConfig(**given))
    stopping, errors = threading.Event(), []

    def work():
        try:
            build_pipeline(settings, load_bundle(tiny_bundle), 0, print, stopping.is_set)
        except EngineError as error:
            errors.append(str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while not gpu_and_trt[1].builders:
        time.sleep(0.01)
    stopping.set()
    thread.join(20)
    assert not thread.is_alive()
    [error] = errors
    assert 'cancelled' in error
    assert not list(tmp_path.rglob('*.plan')) and litter(tmp_path) == []


def test_a_report_that_fails_ends_the_build_and_nothing_is_raised_through_it(
    graphs, tmp_path, gpu_and_trt
):
    def report(source, phase, share):
        raise BrokenPipeError

    with pytest.raises(EngineError, match='TensorRT cannot build'):
        build(graphs, tmp_path, report=report)
    assert not list(tmp_path.rglob('*.plan'))


def test_a_failed_build_says_what_tensorrt_said(graphs, tmp_path, gpu_and_trt):
    gpu_and_trt[1].failing.add('build')
    with pytest.raises(EngineError, match=r'cannot build .*\.onnx: .*no implementation for node'):
        build(graphs, tmp_path)
    assert not list(tmp_path.rglob('*.plan'))


def test_two_processes_do_not_build_at_once(graphs, tmp_path, gpu_and_trt):
    code = (
        'import fcntl, sys\n'
        'stream = open(sys.argv[1], "a+")\n'
        'fcntl.flock(stream, fcntl.LOCK_EX)\n'
        'print(end="locked", flush=True)\n'
        'sys.stdin.read()\n'
    )
    lock = tmp_path / '.lock'
    lock.write_text('4711')
    with subprocess.Popen(
        [sys.executable, '-c', code, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.read(6) == b'locked'
        with pytest.raises(EngineError, match='process 4711 is building TensorRT engines in'):
            build(graphs, tmp_path)
        other.stdin.close()
        other.wait(10)
    assert len(build(graphs, tmp_path)) == 7
    with lock.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


# Graphs that cannot be used


def write_graph(path, nodes, size=(4, 4)):
    make = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        'odd',
        [make('rgb', TensorProto.FLOAT, [1, 3, *size])],
        [make('labels', TensorProto.UINT8, [1, *size])],
    )
    opset = [helper.make_opsetid('', 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def test_an_unsupported_operator_is_named_with_its_node(tmp_path, gpu_and_trt):
    nodes = [
        helper.make_node('Relu', ['rgb'], ['a'], name='/fine'),
        helper.make_node('Mystery', ['a'], ['labels'], name='/head/mystery'),
    ]
    write_graph(tmp_path / 'rgb.onnx', nodes)
    said = "operator Mystery of node '/head/mystery': No importer"
    with pytest.raises(EngineError, match=said):
        build({RGB: tmp_path / 'rgb.onnx'}, tmp_path / 'engines')


def test_open_sizes_are_refused(tmp_path, gpu_and_trt):
    nodes = [helper.make_node('Relu', ['rgb'], ['labels'])]
    write_graph(tmp_path / 'rgb.onnx', nodes, size=('h', 4))
    with pytest.raises(EngineError, match=r'rgb of shape \(1, 3, -1, 4\): expected one fixed'):
        build({RGB: tmp_path / 'rgb.onnx'}, tmp_path / 'engines')


def test_an_empty_file_holds_no_graph(tmp_path, gpu_and_trt):
    (tmp_path / 'rgb.onnx').write_bytes(b'')
    with pytest.raises(EngineError, match=r'rgb\.onnx cannot be loaded: it holds no graph'):
        build({RGB: tmp_path / 'rgb.onnx'}, tmp_path / 'engines')


# The command


def test_the_command_builds_and_then_keeps(tiny_bundle, tmp_path, gpu_and_trt, capsys):
    given = ['build-engines', str(tiny_bundle), '--plans', str(tmp_path)]
    assert cli.main(given) == 0
    shown = capsys.readouterr().out
    assert 'TensorRT 10.13.3.9, f32, Fake GPU (8.7)' in shown
    assert shown.count('built') == 7
    assert cli.main([*given, '--json']) == 0
    result = json.loads(capsys.readouterr().out)
    assert [plan['built'] for plan in result['plans'].values()] == [False] * 7
    assert result['target']['tensorrt'] == '10.13.3.9'
    assert Path(result['folder']).parent == tmp_path


def test_the_console_script_is_the_same_command(tiny_bundle, tmp_path, gpu_and_trt, monkeypatch):
    arguments = ['build_engines', str(tiny_bundle), '--plans', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', arguments)
    assert cli.build_engines() == 0
    assert len(list(tmp_path.rglob('*.plan'))) == 7


def test_the_command_explains_itself(capsys):
    with pytest.raises(SystemExit):
        cli.main(['build-engines', '--help'])
    shown = capsys.readouterr().out
    assert 'mm-robust-seg build-engines sim' in shown
    assert 'precision is that of the bundle' in ' '.join(shown.split())


def test_the_command_says_what_a_machine_lacks(tiny_bundle, tmp_path, capsys, monkeypatch):
    given = ['build-engines', str(tiny_bundle), '--plans', str(tmp_path)]
    assert cli.main(given) == 2
    assert 'there is no NVIDIA driver' in capsys.readouterr().err
    with machine(), monkeypatch.context() as context:
        context.setitem(sys.modules, 'tensorrt', None)
        assert cli.main(given) == 2
    assert 'pip install tensorrt' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
