import dataclasses
import sys

import numpy as np
import pytest
from scripted_engine import ScriptedEngine
from tiny_bundle import write_tiny_bundle

from mm_robust_seg import build
from mm_robust_seg.build import build_engine, build_pipeline
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.errors import ConfigError, EngineError
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet
from mm_robust_seg.schema import with_values

ENGINES = ['mm_robust_seg.engine.openvino', 'mm_robust_seg.engine.onnxruntime']


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
    with pytest.raises(EngineError, match='Install openvino or onnxruntime with pip'):
        build_engine(EngineConfig(), bundle)


def test_a_backend_asked_for_is_not_silently_replaced(bundle, monkeypatch):
    hide(monkeypatch, 'onnxruntime')
    with pytest.raises(EngineError, match='Install onnxruntime with pip'):
        build_engine(EngineConfig(backend='onnxruntime'), bundle)


def test_every_choice_of_the_configuration_has_a_builder():
    spec = EngineConfig.__dataclass_fields__['backend'].metadata['spec']
    assert spec.choices == ('auto', *build._BACKENDS)


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


def test_the_engine_is_closed_when_the_pipeline_cannot_be_built(bundle, monkeypatch):
    class Closable(ScriptedEngine):
        is_closed = False

        def infer(self, inputs):
            assert all(not array.any() for array in inputs.values())
            assert {a.dtype for a in inputs.values()} == {np.dtype(np.float32)}
            raise EngineError('no memory left')

        def close(self):
            self.is_closed = True

    engine = Closable()
    monkeypatch.setattr(build, 'build_engine', lambda *_: engine)
    with pytest.raises(EngineError, match='no memory left'):
        build_pipeline(Config(), bundle, 0)
    assert engine.is_closed
