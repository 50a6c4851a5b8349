# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Export: bundles of every kind of method compute what was trained, and load on a robot."""

from dataclasses import replace
import json
from pathlib import Path
import shutil

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')
pytest.importorskip('onnx', reason='needs onnx')
onnxruntime = pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.build import build_engine  # noqa: E402
from mm_robust_seg.bundle import load_bundle  # noqa: E402
from mm_robust_seg.bundling import writer as bundle_writer  # noqa: E402
from mm_robust_seg.config import EngineConfig  # noqa: E402
from mm_robust_seg.datasets.folder import FolderSplit  # noqa: E402
from mm_robust_seg.errors import TrainingError  # noqa: E402
from mm_robust_seg.modalities import KINDS  # noqa: E402
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import adapted, parameter_count  # noqa: E402
from mm_robust_seg.network.adapters.ssf import ScaleShift  # noqa: E402
from mm_robust_seg.training.base_network import load_base  # noqa: E402
from mm_robust_seg.training.data.batches import validation_batch  # noqa: E402
from mm_robust_seg.training.loop import checkpoint  # noqa: E402
from mm_robust_seg.training.recipe import StageRecipe  # noqa: E402
from mm_robust_seg.training.restore import restored_method  # noqa: E402
from mm_robust_seg.training.run_folder import read_run  # noqa: E402

pytestmark = pytest.mark.torch


def export(run, bundle, *options):
    assert cli.main(['export', str(run), '--out', str(bundle), *map(str, options)]) == 0
    return load_bundle(bundle)


@pytest.fixture(scope='module')
def bundle(exported):
    return load_bundle(exported)


def test_a_bundle_has_scores_and_says_where_it_is_from(bundle):
    assert bundle.combinations == all_combinations()
    assert set(bundle.adapters) == set(all_combinations()[1:])
    assert set(bundle.scores) == {str(c) for c in all_combinations()}
    assert all({'unadapted', 'adapted'} == set(row) for row in bundle.scores.values())
    complete = bundle.scores[str(COMPLETE)]
    assert complete['adapted'] == complete['unadapted']
    assert (bundle.inputs.height_px, bundle.inputs.width_px) == (64, 96)
    assert bundle.provenance['method'] == 'ssf'
    assert bundle.provenance['seconds'] > 0
    assert set(bundle.provenance['adapter_parameters']) == {str(c) for c in bundle.adapters}


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_graphs_compute_what_was_trained(bundle, recipe, scenes, combination):
    segmenter = load_base(bundle.path)
    adapter = None
    if combination in bundle.adapters:
        adapter = ScaleShift(segmenter, combination)
        adapter.load_state_dict(checkpoint.load(bundle.adapters[combination])[0])
    images, _ = validation_batch(FolderSplit(scenes, 'val'), recipe.input_spec, 0)
    given = {m: images[m] for m in combination}
    with torch.no_grad():
        logits = adapted(segmenter, adapter, given)
    assert (run_graph(bundle, given) == enlarged(logits)).mean() > 0.995


def run_graph(bundle, given):
    session = onnxruntime.InferenceSession(bundle.graphs[ModalitySet(given)])
    assert [i.name for i in session.get_inputs()] == [str(m) for m in ModalitySet(given)]
    labels, _ = session.run(
        ['labels', 'confidence'], {str(m): x.numpy() for m, x in given.items()}
    )
    return labels[0]


def enlarged(logits):
    size = (64, 96)
    return torch.nn.functional.interpolate(logits, size, mode='bilinear').argmax(1)[0].numpy()


@pytest.fixture(scope='module')
def two(recipe, scenes_without_thermal):
    """A recipe for colour and depth alone, which makes three graphs in place of seven."""
    data = replace(recipe.data, folder=str(scenes_without_thermal))
    return replace(recipe, validate_every=0, base=StageRecipe(epochs=1), data=data)


@pytest.fixture(scope='module')
def two_base(two, train_run, tmp_path_factory):
    out = tmp_path_factory.mktemp('two-base') / 'run'
    train_run(two, out)
    return out


@pytest.mark.parametrize('method', ['modality_dropout', 'dedicated', 'prompt_concat'])
def test_any_method_becomes_a_bundle(two, two_base, train_run, tmp_path, method):
    train_run(two, tmp_path / 'run', method, two_base)
    bundle = export(tmp_path / 'run', tmp_path / 'bundle', '--no-scores')
    adapted_ones = {'prompt_concat': ['rgb', 'depth']}.get(method, [])
    assert bundle.scores == {}
    assert [str(c) for c in bundle.adapters] == adapted_ones
    networks = restored_method(tmp_path / 'run', read_run(tmp_path / 'run')).networks()
    images, _ = validation_batch(FolderSplit(Path(two.data.folder), 'val'), two.input_spec, 0)
    for combination, network in networks.items():
        given = {m: images[m] for m in combination}
        with torch.no_grad():
            logits = network(given)
        assert (run_graph(bundle, given) == enlarged(logits)).mean() > 0.995
    complete = networks[ModalitySet.parse('rgb+depth')].state_dict()
    unchanged = all(
        torch.equal(v, complete[k]) for k, v in load_base(two_base).state_dict().items()
    )
    assert unchanged == (method != 'modality_dropout')


def test_dedicated_networks_start_from_nothing_too(two, train_run, tmp_path):
    train_run(two, tmp_path, 'dedicated')
    networks = restored_method(tmp_path, read_run(tmp_path)).networks()
    assert [p.name for p in sorted(tmp_path.glob('*.last.safetensors'))] == [
        'depth.last.safetensors',
        'rgb+depth.last.safetensors',
        'rgb.last.safetensors',
    ]
    own = read_run(tmp_path)['parameters']
    assert own['per_combination']['rgb'] == parameter_count(networks[ModalitySet.parse('rgb')])
    assert (
        'encoders.depth.features.0.0.weight' not in networks[ModalitySet.parse('rgb')].state_dict()
    )


def test_one_network_for_all_is_stored_once_and_an_engine_serves_it(two, two_base, tmp_path):
    bundle = export(two_base, tmp_path / 'bundle', '--data', two.data.folder)
    names = ['rgb+depth', 'rgb', 'depth']
    assert [str(c) for c in bundle.combinations] == names
    assert list(bundle.scores) == names
    assert sum(p.stat().st_size for p in bundle.graphs.values()) < 0.3 * bundle.base.stat().st_size
    assert read_run(two_base)['parameters']['total_stored'] == bundle.provenance['parameters']
    engine = build_engine(EngineConfig(backend='onnxruntime'), bundle)
    try:
        for combination in bundle.combinations:
            engine.activate(combination)
            blank = {m: np.zeros((1, KINDS[m].channels, 64, 96), np.float32) for m in combination}
            assert engine.infer(blank).labels.shape == (64, 96)
    finally:
        engine.close()


def test_the_best_weights_can_be_chosen(adapter_run, tmp_path):
    run = shutil.copytree(adapter_run, tmp_path / 'run')
    state, facts = checkpoint.load(run / 'rgb.best.safetensors')
    better = {name: torch.full_like(value, 2.0) for name, value in state.items()}
    checkpoint.save(run / 'rgb.best.safetensors', better, facts)
    for weights, expected in (('last', False), ('best', True)):
        adapters = restored_method(run, read_run(run), weights).adapters()
        values = adapters[ModalitySet.parse('rgb')].parameters()
        assert all((p == 2.0).all() for p in values) == expected


def test_what_cannot_be_exported_is_explained(adapter_run, scenes, tmp_path, capsys):
    run = shutil.copytree(adapter_run, tmp_path / 'run')

    def refused(*options):
        arguments = ['export', str(run), '--out', str(tmp_path / 'bundle'), *map(str, options)]
        assert cli.main(arguments) == 2
        assert not (tmp_path / 'bundle').exists()
        return capsys.readouterr().err

    assert '--data' in refused()
    (run / 'rgb.best.safetensors').unlink()
    assert 'rgb.best.safetensors' in refused('--no-scores', '--weights', 'best')
    other = shutil.copytree(scenes, tmp_path / 'other')
    (other / 'classes.json').write_text('["a", "b", "c"]')
    assert 'other classes' in refused('--data', other)
    facts = json.loads((run / 'run.json').read_text())
    (run / 'run.json').write_text(json.dumps({**facts, 'finished': False}))
    assert 'not finished' in refused('--no-scores')
    (run / 'run.json').write_text(json.dumps({**facts, 'schema': 9}))
    assert 'schema 9' in refused('--no-scores')
    (run / 'run.json').unlink()
    assert 'expected a folder that train or adapt made' in refused('--no-scores')


def test_a_folder_that_is_no_bundle_is_not_replaced(adapter_run, tmp_path, capsys):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'notes.txt').write_text('mine')
    arguments = ['export', str(adapter_run), '--out', str(tmp_path / 'mine'), '--no-scores']
    assert cli.main(arguments) == 2
    assert 'is not a bundle' in capsys.readouterr().err
    assert [p.name for p in (tmp_path / 'mine').iterdir()] == ['notes.txt']


def test_a_full_disk_keeps_the_old_bundle(bundle, two_base, tmp_path, monkeypatch):
    folder = shutil.copytree(bundle.path, tmp_path / 'bundle')

    def full(path, data):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(bundle_writer, 'write_bytes', full)
    method = restored_method(two_base, read_run(two_base))
    with pytest.raises(TrainingError, match='No space left'):
        bundle_writer.write_bundle(method.networks(), method.adapters(), bundle.inputs, {}, folder)
    assert load_bundle(folder).checksums == bundle.checksums
    assert [path.name for path in tmp_path.iterdir()] == ['bundle']


def test_a_bundle_that_cannot_be_replaced_stays(bundle, two_base, tmp_path, monkeypatch):
    folder = shutil.copytree(bundle.path, tmp_path / 'bundle')
    replace_file = Path.replace

    def refused(path, target):
        if target == folder / 'rgb.onnx':
            raise OSError(5, 'Input/output error')
        return replace_file(path, target)

    monkeypatch.setattr(Path, 'replace', refused)
    method = restored_method(two_base, read_run(two_base))
    manifest = json.loads((folder / 'manifest.json').read_text())
    with pytest.raises(TrainingError, match='Input/output error'):
        bundle_writer.write_bundle(
            method.networks(), method.adapters(), bundle.inputs, manifest, folder
        )
    assert load_bundle(folder).checksums == bundle.checksums
    assert [path.name for path in tmp_path.iterdir()] == ['bundle']


def write_merging(path, merged, names=('surface', 'thing')):
    classes = [{'name': name, 'color': [10, 20, 30]} for name in names]
    path.write_text(json.dumps({'classes': classes, 'merged': merged}))
    return path


def test_classes_can_be_merged_at_export(two_base, tmp_path, capsys):
    """Also of a run whose combinations share one network; the manifest is there as JSON."""
    file = write_merging(tmp_path / 'merging.json', [0, 1, 1])
    bundle = export(two_base, tmp_path / 'bundle', '--no-scores', '--merge', file, '--json')
    facts = json.loads(capsys.readouterr().out)
    assert facts['bundle'] == str(tmp_path / 'bundle')
    assert [c['name'] for c in facts['classes']] == ['surface', 'thing']
    assert [c.name for c in bundle.classes] == ['surface', 'thing']
    rng = np.random.default_rng(0)
    given = {
        m: torch.from_numpy(rng.normal(size=(1, KINDS[m].channels, 64, 96)).astype(np.float32))
        for m in bundle.combinations[0]
    }
    with torch.no_grad():
        logits = load_base(two_base)(given)
    shares = torch.softmax(logits, dim=1)
    coarse = torch.stack([shares[:, 0], shares[:, 1] + shares[:, 2]], dim=1).log()
    assert (run_graph(bundle, given) == enlarged(coarse)).mean() > 0.995


@pytest.mark.parametrize('merged', [[0, 1], [0, 1, 2], [0, 0, 0], 'ab', [0, -1, 1]])
def test_a_merging_must_place_every_class(two_base, tmp_path, capsys, merged):
    file = write_merging(tmp_path / 'merging.json', merged)
    arguments = ['export', str(two_base), '--out', str(tmp_path / 'b'), '--merge', str(file)]
    assert cli.main(arguments) == 2
    assert 'merging' in capsys.readouterr().err
    assert not (tmp_path / 'b').exists()
