# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

import dataclasses
import re
import shutil
import sys
import threading
import time

import pytest

pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

import onnxruntime
from scripted_engine import ScriptedEngine
from tiny_bundle import write_tiny_bundle

from mm_robust_seg import build
from mm_robust_seg.build import build_engine, build_pipeline
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.engine.patience import is_any_abandoned
from mm_robust_seg.errors import ConfigError, EngineError, EngineUnavailableError
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet
from mm_robust_seg.schema import with_values

MODULES = ['onnxruntime', 'openvino']
ENGINES = [
    f'mm_robust_seg.engine.{name}' for name in (*MODULES, 'onnxruntime_cuda', 'tensorrt.engine')
]
AUTO = 'tensorrt, onnxruntime_cuda, openvino, onnxruntime'


@pytest.fixture(scope='module')
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


def hide(monkeypatch, *runtimes):
    """Make importing these runtimes fail, as where they are not installed."""
    for name in ENGINES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in runtimes:
        monkeypatch.setitem(sys.modules, name, None)


def config(**values):
    return with_values(Config(), {k.replace('__', '.'): v for k, v in values.items()})


@pytest.mark.parametrize(
    ('backend', 'name'), [('openvino', 'OpenVINO'), ('onnxruntime', 'ONNX Runtime')]
)
def test_the_backend_asked_for_is_built(bundle, backend, name):
    engine = build_engine(EngineConfig(backend=backend, threads=1), bundle)
    assert engine.description.startswith(name)
    assert engine.combinations == all_combinations()


@pytest.mark.parametrize(('hidden', 'name'), [([], 'OpenVINO'), (['openvino'], 'ONNX Runtime')])
def test_auto_takes_the_first_runtime_that_is_installed(bundle, monkeypatch, hidden, name):
    hide(monkeypatch, *hidden)
    assert build_engine(EngineConfig(threads=1), bundle).description.startswith(name)


def test_without_any_runtime_the_error_says_what_to_install(bundle, monkeypatch):
    hide(monkeypatch, 'openvino', 'onnxruntime')
    with pytest.raises(EngineError) as caught:
        build_engine(EngineConfig(), bundle)
    for name, package in [
        ('onnxruntime_cuda', 'onnxruntime-gpu'),
        ('openvino', 'openvino'),
        ('onnxruntime', 'onnxruntime'),
    ]:
        assert re.search(rf' {name}: import of .*?: pip install {package};', str(caught.value))


def test_a_backend_asked_for_is_not_silently_replaced(bundle, monkeypatch):
    hide(monkeypatch, 'onnxruntime')
    with pytest.raises(
        EngineError, match=r'onnxruntime cannot be used: .*pip install onnxruntime;'
    ):
        build_engine(EngineConfig(backend='onnxruntime'), bundle)


def test_a_gpu_backend_without_gpu_says_why_and_what_to_do(bundle, monkeypatch):
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: ['CPUExecutionProvider'])
    with pytest.raises(EngineError, match=r'no CUDA provider: .*pip install onnxruntime-gpu'):
        build_engine(EngineConfig(backend='onnxruntime_cuda'), bundle)


def test_every_choice_of_the_configuration_has_a_builder():
    spec = EngineConfig.__dataclass_fields__['backend'].metadata['spec']
    assert spec.choices == ('auto', *build.ENGINES)
    assert spec.choices[1:] == tuple(AUTO.split(', '))


class NamedEngine(ScriptedEngine):
    def __init__(self, name):
        super().__init__()
        self.description = f'{name} 1.0'


class Backends:
    """Stand-ins for all backends; those in ``failures`` raise theirs."""

    def __init__(self, monkeypatch, **failures):
        self.tried = []
        doubles = {name: self._builder(name, failures.get(name)) for name in AUTO.split(', ')}
        monkeypatch.setattr(build, 'find_engine', doubles.__getitem__)

    def _builder(self, name, failure):
        def open_engine(*_):
            self.tried.append(name)
            if failure is not None:
                raise failure
            return NamedEngine(name)

        return open_engine


def chosen(bundle, **values):
    """Return the description of the engine, and what was noted."""
    notes = []
    engine = build_engine(EngineConfig(**values), bundle, note=notes.append)
    return engine.description, notes


UNAVAILABLE = EngineUnavailableError('there is no GPU: install the driver')
MISFIT = EngineError('the plans are of another GPU: build them')


def test_auto_takes_the_first_usable_and_says_so(bundle, monkeypatch):
    backends = Backends(monkeypatch)
    assert chosen(bundle) == (
        'tensorrt 1.0',
        [f'tensorrt is used, the first usable of {AUTO}: tensorrt 1.0'],
    )
    assert backends.tried == ['tensorrt']


@pytest.mark.parametrize('count', [1, 2, 3])
def test_auto_goes_on_and_says_why_in_one_sentence_each(bundle, monkeypatch, count):
    names = AUTO.split(', ')
    backends = Backends(monkeypatch, **dict.fromkeys(names[:count], UNAVAILABLE))
    description, notes = chosen(bundle)
    assert description == f'{names[count]} 1.0'
    assert notes[:-1] == [f'{name} is not used: {UNAVAILABLE}' for name in names[:count]]
    assert notes[-1].startswith(f'{names[count]} is used')
    assert backends.tried == names[: count + 1]


def test_a_backend_asked_for_is_noted_too(bundle, monkeypatch):
    Backends(monkeypatch)
    assert chosen(bundle, backend='openvino')[1] == ['openvino is used: openvino 1.0']


def test_one_backend_asked_for_is_the_only_one_tried(bundle, monkeypatch):
    backends = Backends(monkeypatch, tensorrt=UNAVAILABLE)
    with pytest.raises(EngineError, match=r'tensorrt cannot be used: .*install the driver'):
        chosen(bundle, backend='tensorrt')
    assert backends.tried == ['tensorrt']


@pytest.mark.parametrize('backend', ['auto', 'tensorrt'])
@pytest.mark.parametrize('on_mismatch', ['fail', 'rebuild'])
def test_plans_that_do_not_fit_fail_the_configuration(bundle, monkeypatch, backend, on_mismatch):
    Backends(monkeypatch, tensorrt=MISFIT)
    with pytest.raises(EngineError, match='of another GPU: build them'):
        chosen(bundle, backend=backend, on_mismatch=on_mismatch)


@pytest.mark.parametrize('failure', [MISFIT, UNAVAILABLE])
def test_a_mismatch_may_lead_to_the_cpu(bundle, monkeypatch, failure):
    backends = Backends(monkeypatch, tensorrt=failure)
    description, notes = chosen(bundle, backend='tensorrt', on_mismatch='cpu')
    assert description == 'openvino 1.0'
    assert notes[0] == f'tensorrt is not used: {failure}'
    assert backends.tried == ['tensorrt', 'openvino']


def test_a_graph_that_no_runtime_can_be_blamed_for_is_reported_at_once(bundle, monkeypatch):
    backends = Backends(
        monkeypatch,
        tensorrt=UNAVAILABLE,
        onnxruntime_cuda=UNAVAILABLE,
        openvino=EngineError('rgb.onnx is broken'),
    )
    with pytest.raises(EngineError, match=r'^rgb\.onnx is broken$'):
        chosen(bundle, on_mismatch='cpu')
    assert 'onnxruntime' not in backends.tried


def test_notes_reach_whoever_builds_a_pipeline(bundle):
    notes = []
    build_pipeline(config(engine__threads=1), bundle, 0, notes.append)
    assert [note.partition(' ')[0] for note in notes] == AUTO.split(', ')[:3]
    assert 'OpenVINO' in notes[-1]


def test_compiled_models_are_kept_for_one_bundle(tiny_bundle, tmp_path):
    first = load_bundle(tiny_bundle)
    settings = EngineConfig(backend='openvino', threads=1, cache=str(tmp_path / 'compiled'))
    build_engine(settings, first)
    (folder,) = (tmp_path / 'compiled').iterdir()
    assert folder.name.startswith('tiny-') and any(folder.iterdir())
    fewer = {k: v for k, v in first.checksums.items() if k != 'adapters/rgb.safetensors'}
    other = dataclasses.replace(first, checksums=fewer)
    build_engine(settings, other)
    assert len(list((tmp_path / 'compiled').iterdir())) == 2


def test_the_cache_can_be_switched_off(bundle, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    build_engine(EngineConfig(backend='openvino', threads=1, cache='off'), bundle)
    assert not any(tmp_path.iterdir())
    build_engine(EngineConfig(backend='openvino', threads=1), bundle)
    assert any((tmp_path / 'mm_robust_seg' / 'openvino').iterdir())


def test_only_graphs_of_enabled_sensors_are_loaded(bundle):
    engine = build_pipeline(config(inputs__depth__enabled=False), bundle, 0)[1]
    assert engine.combinations == all_combinations(ModalitySet.parse('rgb+thermal'))


def test_the_largest_combination_is_ready(bundle):
    assert build_pipeline(Config(), bundle, 0)[1].active == COMPLETE


@pytest.fixture
def partial(tmp_path):
    combinations = [ModalitySet.parse(c) for c in ('rgb+depth', 'rgb')]
    return load_bundle(write_tiny_bundle(tmp_path / 'partial', combinations))


def test_a_missing_combination_is_found_at_configure_time(partial):
    settings = config(inputs__thermal__enabled=False)
    with pytest.raises(ConfigError, match=r'cannot serve depth, .*it serves rgb\+depth, rgb'):
        build_pipeline(settings, partial, 0)


def test_a_combination_without_a_required_sensor_need_not_be_served(partial):
    settings = config(inputs__thermal__enabled=False, inputs__rgb__required=True)
    build_pipeline(settings, partial, 0)


def test_graphs_that_do_not_fit_the_manifest_are_found_at_configure_time(bundle):
    inputs = dataclasses.replace(bundle.inputs, width_px=96)
    with pytest.raises(EngineError, match=r'48, 96\); expected float32 \(1, \d, 48, 64\)'):
        build_pipeline(Config(), dataclasses.replace(bundle, inputs=inputs), 0)


class Closable(ScriptedEngine):
    is_closed = False

    def close(self):
        self.is_closed = True


def test_the_engine_is_closed_when_its_rehearsal_fails(bundle, monkeypatch):
    engine = Closable(failures=[ModalitySet.parse('depth')])
    monkeypatch.setattr(build, 'find_engine', lambda name: lambda *_: engine)
    with pytest.raises(EngineError, match='depth broke'):
        build_engine(EngineConfig(backend='openvino'), bundle)
    assert engine.is_closed


def test_the_engine_is_closed_when_the_pipeline_cannot_be_built(bundle, monkeypatch):
    engine = Closable(combinations=(COMPLETE,))
    monkeypatch.setattr(build, 'build_engine', lambda *_: engine)
    with pytest.raises(ConfigError, match='rgb'):
        build_pipeline(config(policy__force_set='rgb'), bundle, 0)
    assert engine.is_closed


def test_a_bundle_that_changes_while_it_is_loaded_is_refused(tiny_bundle, tmp_path, monkeypatch):
    copy = shutil.copytree(tiny_bundle, tmp_path / 'copy')
    find, closed = build.find_engine, []

    def swapping(name):
        def make(bundle, config, is_cancelled):
            engine = find(name)(bundle, config, is_cancelled)
            monkeypatch.setattr(engine, 'close', lambda: closed.append(engine))
            (copy / 'rgb.onnx').write_bytes((copy / 'thermal.onnx').read_bytes())
            return engine

        return make

    monkeypatch.setattr(build, 'find_engine', swapping)
    with pytest.raises(EngineError, match=r'while it was loaded, .*rgb\.onnx was altered'):
        build_engine(EngineConfig(backend='onnxruntime', threads=1), load_bundle(copy))
    assert len(closed) == 1


def test_a_backend_that_never_returns_is_given_up(bundle, monkeypatch):
    may_end = threading.Event()

    def endless(*_):
        may_end.wait()
        raise EngineError('too late')

    monkeypatch.setattr(build, 'find_engine', lambda _name: endless)
    given = EngineConfig(backend='openvino', load_limit_s=0.2)
    with pytest.raises(EngineError, match=r'given up: .* in 0\.2 s'):
        build_engine(given, bundle)
    may_end.set()
    while is_any_abandoned():
        time.sleep(0.01)
