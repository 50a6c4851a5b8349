# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One graph for all combinations computes what one graph per combination does."""

import shutil

import numpy as np
import pytest
from tiny_bundle import bundle_of

torch = pytest.importorskip('torch', reason='needs PyTorch')
pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.build import build_engine  # noqa: E402
from mm_robust_seg.bundle import load_bundle  # noqa: E402
from mm_robust_seg.config import EngineConfig  # noqa: E402
from mm_robust_seg.engine.shared_graph import ADAPTED, PRESENCE, SHARED_GRAPH  # noqa: E402
from mm_robust_seg.errors import BundleError, EngineError, TrainingError  # noqa: E402
from mm_robust_seg.modalities import KINDS  # noqa: E402
from mm_robust_seg.modality import all_combinations, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapter_inputs import SharedNetwork  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
BACKENDS = ['onnxruntime', 'openvino']


def export(run, folder, design):
    options = ['--out', str(folder), '--no-scores', '--design', design]
    return cli.main(['export', str(run), *options])


@pytest.fixture(scope='module', params=['ssf', 'ours'])
def bundles(request, recipe, base_run, train_run, tmp_path_factory):
    """The same run in both designs; ``ours`` changes convolutions as well as norms."""
    folder = tmp_path_factory.mktemp(request.param)
    train_run(recipe, folder / 'run', request.param, base_run)
    for design in ('folded', 'shared'):
        assert export(folder / 'run', folder / design, design) == 0
    return load_bundle(folder / 'folded'), load_bundle(folder / 'shared')


def random_inputs(combination):
    rng = np.random.default_rng(1)
    return {
        m: rng.normal(size=(1, KINDS[m].channels, 64, 96)).astype(np.float32) for m in combination
    }


@pytest.mark.parametrize('backend', BACKENDS)
def test_every_combination_is_the_same_in_both_designs(bundles, backend):
    pytest.importorskip(backend)
    engines = [build_engine(EngineConfig(backend=backend), bundle) for bundle in bundles]
    try:
        assert engines[1].combinations == all_combinations()
        for combination in all_combinations():
            inputs, found = random_inputs(combination), []
            for engine in engines:
                engine.activate(combination)
                found.append(engine.infer(inputs))
            assert (found[0].labels == found[1].labels).mean() > 0.999
            difference = found[0].confidence.astype(int) - found[1].confidence
            assert np.abs(difference).max() <= 1
    finally:
        for engine in engines:
            engine.close()


def test_the_combinations_do_differ(bundles):
    """Otherwise the comparison above would say nothing about the parameters."""
    engine = build_engine(EngineConfig(backend='onnxruntime'), bundles[1])
    seen = set()
    for combination in engine.combinations:
        engine.activate(combination)
        seen.add(engine.infer(random_inputs(combination)).confidence.tobytes())
    engine.close()
    assert len(seen) == len(all_combinations())


def test_there_is_one_graph(bundles):
    _, shared = bundles
    assert [p.name for p in shared.path.glob('*.onnx')] == [SHARED_GRAPH]
    assert {p.suffix for p in shared.graphs.values()} == {'.npz'}
    assert shared.shared_graph == shared.path / SHARED_GRAPH


def test_an_altered_graph_or_setting_is_refused(bundles, tmp_path):
    for name in (SHARED_GRAPH, 'rgb.npz'):
        folder = shutil.copytree(bundles[1].path, tmp_path / name)
        with (folder / name).open('ab') as stream:
            stream.write(b'x')
        with pytest.raises(BundleError, match='altered'):
            load_bundle(folder)


def test_settings_of_another_network_are_refused(bundles, tmp_path):
    folder = shutil.copytree(bundles[1].path, tmp_path / 'bundle')
    wrong = {ADAPTED: np.zeros(3, np.float32), PRESENCE: np.zeros((1, 3, 1, 1), np.float32)}
    np.savez(folder / 'rgb.npz', **wrong)
    with pytest.raises(EngineError, match='adapted parameters have shapes'):
        build_engine_unverified(folder)


def build_engine_unverified(folder):
    from mm_robust_seg.engine.onnxruntime import OnnxRuntimeEngine

    bundle = bundle_of({c: folder / f'{c}.npz' for c in all_combinations()})
    return OnnxRuntimeEngine(bundle, EngineConfig(threads=1, warmup_iterations=0))


def test_networks_of_their_own_cannot_share_a_graph(recipe, base_run, train_run, tmp_path, capsys):
    train_run(recipe, tmp_path / 'run', 'dedicated', base_run)
    assert export(tmp_path / 'run', tmp_path / 'bundle', 'shared') == 2
    assert 'one graph per combination' in capsys.readouterr().err
    assert not (tmp_path / 'bundle').exists()


def test_without_a_difference_there_is_nothing_to_switch():
    network = Segmenter(3, channels=16).eval()
    with pytest.raises(TrainingError, match='nothing to switch'):
        SharedNetwork(
            {ModalitySet.parse('rgb+depth+thermal'): network, ModalitySet.parse('rgb'): network}
        )
