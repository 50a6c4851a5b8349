# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle whose networks are told what is valid, in every design, precision and engine."""

from dataclasses import replace
import json

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')
pytest.importorskip('onnx', reason='needs onnx')

from random_inputs import perturbed, valid_inputs, warmed_up  # noqa: E402

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.build import build_engine  # noqa: E402
from mm_robust_seg.bundle import load_bundle  # noqa: E402
from mm_robust_seg.bundling.quantize import Calibration, quantize  # noqa: E402
from mm_robust_seg.bundling.writer import write_bundle  # noqa: E402
from mm_robust_seg.config import EngineConfig  # noqa: E402
from mm_robust_seg.dataflow import UNLABELED  # noqa: E402
from mm_robust_seg.datasets.folder import FolderSplit  # noqa: E402
from mm_robust_seg.errors import BundleError, TrainingError  # noqa: E402
from mm_robust_seg.modality import all_combinations, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import fold  # noqa: E402
from mm_robust_seg.network.adapters.ssf import ScaleShift  # noqa: E402
from mm_robust_seg.network.segmenter import labelled, Segmenter  # noqa: E402
from mm_robust_seg.training.base_network import load_base  # noqa: E402
from mm_robust_seg.training.recipe import RegionRecipe  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('rgb+depth')
COMBINATIONS = all_combinations(PAIR)
CLASSES = ('floor', 'ball', 'box')
CORNER = np.s_[:16, :32]


@pytest.fixture(scope='module')
def told_recipe(recipe):
    inputs = replace(recipe.inputs, validity=True)
    return replace(recipe, inputs=inputs, regions=RegionRecipe(bands=0.3, blobs=0.3))


@pytest.fixture(scope='module')
def networks():
    torch.manual_seed(3)
    base = warmed_up(Segmenter(len(CLASSES), PAIR, channels=24, validity=True))
    adapters = {c: perturbed(ScaleShift(base, c)) for c in COMBINATIONS[1:]}
    return {c: fold(base, adapters.get(c)) for c in COMBINATIONS}, adapters


@pytest.fixture(scope='module')
def bundles(networks, told_recipe, scenes, tmp_path_factory):
    """The bundle in every design and precision, by name."""
    folder = tmp_path_factory.mktemp('told')
    manifest = {
        'name': 'told',
        'description': '',
        'licence': '',
        'classes': [{'name': name, 'color': [0, 0, 0]} for name in CLASSES],
        'scores': {},
        'provenance': {},
    }
    for design in ('folded', 'shared'):
        write_bundle(*networks, told_recipe.input_spec, manifest, folder / design, design)
    folded = load_bundle(folder / 'folded')
    calibration = Calibration(FolderSplit(scenes, 'train'), 2, 'minmax')
    for precision in ('fp16', 'int8'):
        quantize(folded, folder / precision, precision, calibration, None)
    return {n: load_bundle(folder / n) for n in ('folded', 'shared', 'fp16', 'int8')}


@pytest.fixture(scope='module')
def engines(bundles):
    kept = {**bundles, 'int8': replace(bundles['int8'], golden={})}  # untrained: far off in int8
    built = {
        (name, backend): build_engine(EngineConfig(backend=backend, cache='off'), bundle)
        for name, bundle in kept.items()
        for backend in ('onnxruntime', 'openvino')
    }
    yield built
    for engine in built.values():
        engine.close()


def predicted(engine, combination, images):
    engine.activate(combination)
    return engine.infer({m: images[m].numpy() for m in combination})


def test_the_manifest_states_it(bundles, capsys):
    for bundle in bundles.values():
        assert bundle.manifest['schema'] == 2
        assert bundle.manifest['inputs']['validity'] is bundle.inputs.validity is True
        assert set(bundle.golden) == set(COMBINATIONS)
    assert cli.main(['bundle-info', str(bundles['folded'].path), '--json']) == 0
    assert json.loads(capsys.readouterr().out)['inputs']['validity'] is True


@pytest.mark.parametrize('combination', COMBINATIONS, ids=str)
def test_where_nothing_is_valid_there_is_no_label_in_any_engine(engines, combination):
    images = valid_inputs(combination)
    blind = valid_inputs(combination, invalid=combination)
    for engine in engines.values():
        nothing = predicted(engine, combination, blind)
        assert (nothing.labels == UNLABELED).all() and not nothing.confidence.any()
        some = predicted(engine, combination, images)
        hidden = some.labels == UNLABELED
        assert hidden[CORNER].all() and not hidden[32:].any() and not hidden[:, 48:].any()
        assert not some.confidence[hidden].any() and some.confidence[~hidden].all()


@pytest.mark.parametrize('gone', list(PAIR), ids=str)
def test_a_sensor_without_a_valid_pixel_might_as_well_be_absent(networks, engines, gone):
    base, left = networks[0][PAIR], PAIR - ModalitySet([gone])
    images = valid_inputs(PAIR, invalid=[gone])
    with torch.no_grad():
        logits = base({m: images[m] for m in left})
    wanted = labelled(logits, (64, 96), [images[m][:, -1:] for m in left])[0][0].numpy()
    assert len(np.unique(wanted)) == 1 + len(CLASSES)
    least = {'folded': 0.998, 'shared': 0.998, 'fp16': 0.95, 'int8': 0.5}
    for (name, backend), engine in engines.items():
        found = predicted(engine, PAIR, images).labels
        assert (found == wanted).mean() > least[name], (name, backend)
        np.testing.assert_array_equal(found == UNLABELED, wanted == UNLABELED)


def test_the_images_of_absent_sensors_have_no_effect_on_the_shared_graph(bundles):
    from onnxruntime import InferenceSession

    bundle, rgb = bundles['shared'], ModalitySet.parse('rgb')
    session = InferenceSession(bundle.shared_graph)
    with np.load(bundle.graphs[rgb]) as fixed:
        given = dict(fixed) | {str(m): x.numpy() for m, x in valid_inputs(PAIR).items()}
    one = session.run(None, given)
    given['depth'] = np.zeros_like(given['depth'])
    for before, after in zip(one, session.run(None, given), strict=True):
        np.testing.assert_array_equal(before, after)


def test_depth_alone_is_told_as_well(engines):
    depth = ModalitySet([Modality.DEPTH])
    images = valid_inputs(depth)
    images[Modality.DEPTH][..., 64:] = 0
    for engine in engines.values():
        labels = predicted(engine, depth, images).labels
        assert (labels[:, 84:] == UNLABELED).all() and (labels[40:, :60] != UNLABELED).all()


@pytest.mark.parametrize(
    ('schema', 'inputs', 'message'),
    [
        (1, {'validity': True}, 'validity is true in schema 1'),
        (2, {}, r'inputs\.validity is missing'),
        (2, {'validity': 1}, r'inputs\.validity of the manifest is 1: expected true or false'),
        (3, {'validity': True}, 'has schema 3; this version reads 1 and 2'),
    ],
)
def test_a_manifest_that_does_not_say_it_is_refused(bundles, schema, inputs, message, tmp_path):
    path = bundles['folded'].path / 'manifest.json'
    manifest = json.loads(path.read_text())
    rest = {k: v for k, v in manifest['inputs'].items() if k != 'validity'}
    manifest |= {'schema': schema, 'inputs': {**rest, **inputs}}
    (tmp_path / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=message):
        load_bundle(tmp_path)


def test_from_a_base_of_old_to_a_bundle_that_is_told(
    told_recipe, recipe, base_run, train_run, scenes, tmp_path
):
    train_run(told_recipe, tmp_path / 'base', init=base_run)
    assert load_base(tmp_path / 'base').validity
    train_run(recipe, tmp_path / 'ssf', 'ssf', tmp_path / 'base')
    words = [str(tmp_path / 'ssf'), '--out', str(tmp_path / 'told'), '--data', str(scenes)]
    assert cli.main(['export', *words]) == 0
    assert load_bundle(tmp_path / 'told').inputs.validity
    with pytest.raises(TrainingError, match=r'inputs\.validity is false: set it to true'):
        train_run(recipe, tmp_path / 'other', init=tmp_path / 'base')


def test_adapters_of_a_base_that_is_not_told_are_not_either(
    told_recipe, base_run, train_run, tmp_path
):
    said = train_run(told_recipe, tmp_path, 'bitfit', base_run)
    assert 'inputs.validity is False, as of the network in' in said
    facts = json.loads((tmp_path / 'run.json').read_text())['recipe']
    assert facts['inputs.validity'] is False and facts['regions.bands'] == 0
