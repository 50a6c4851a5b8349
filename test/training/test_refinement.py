# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""After training: statistics, bias and temperature of every combination, and how they travel."""

import copy
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import random_inputs, warmed_up  # noqa: E402
from toy_training import make_context  # noqa: E402

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.bundle import load_bundle  # noqa: E402
from mm_robust_seg.datasets.folder import FolderSplit  # noqa: E402
from mm_robust_seg.errors import ConfigError  # noqa: E402
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.statistics import recalibrated  # noqa: E402
from mm_robust_seg.network.refinement import norms_of, refined, Refinement  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.training.data.batches import validation_batch  # noqa: E402
from mm_robust_seg.training.data.splits import divided  # noqa: E402
from mm_robust_seg.training.methods import METHODS  # noqa: E402
from mm_robust_seg.training.recipe import RefinementRecipe  # noqa: E402
from mm_robust_seg.training.refinement import (  # noqa: E402
    adjustment,
    calibration_error,
    fitted_temperature,
    load,
    REFINEMENT,
)
from mm_robust_seg.training.restore import restored_method  # noqa: E402
from mm_robust_seg.training.run_folder import read_run  # noqa: E402

pytestmark = pytest.mark.torch
PAIR, RGB = ModalitySet.parse('thermal+depth'), ModalitySet.parse('rgb')
SHARING = [name for name, entry in METHODS.items() if entry.shares_statistics]


@pytest.mark.parametrize('name', SHARING)
def test_norms_with_their_own_statistics_fold(name):
    method = METHODS[name].make(make_context())
    list(method.tasks())
    network = method.networks()[PAIR]
    batches = [random_inputs(COMPLETE, count=4, seed=seed) for seed in range(3)]
    changed = norms_of(network, PAIR, batches)
    replaced = copy.deepcopy(network)
    replaced.load_state_dict(recalibrated(network, PAIR, batches), strict=False)
    given = random_inputs(PAIR, seed=9)
    with torch.no_grad():
        folded = refined(network, Refinement(changed))(given)
        assert (folded - network(given)).abs().max() > 1e-3
        torch.testing.assert_close(folded, replaced(given), rtol=0, atol=1e-4)
    assert all(name.startswith('decoder.') for name in changed)


@torch.no_grad()
def test_bias_and_temperature_fold_into_the_classifier():
    network, given = warmed_up(Segmenter(5)), random_inputs(PAIR)
    logits, shift = network(given), torch.tensor([0.0, 3.0, 0.0, 0.0, -1.0])
    changed = refined(network, Refinement({}, shift, 2.0))(given)
    torch.testing.assert_close(changed, (logits + shift[:, None, None]) / 2, atol=1e-4, rtol=1e-4)
    assert torch.equal(network(given), logits)


def test_what_is_adjusted_is_the_log_of_the_weights():
    shift = adjustment(np.array([0.25, 2.0, 0.0], np.float32))
    torch.testing.assert_close(
        shift, torch.tensor([np.log(4), -np.log(2), 0], dtype=torch.float32)
    )


@pytest.mark.parametrize('factor', [0.4, 1.0, 3.0])
def test_a_temperature_is_found_again(factor):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 6, generator=generator) * 2
    truth = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    assert fitted_temperature(logits * factor, truth) == pytest.approx(factor, rel=0.05)
    errors = [calibration_error(logits * x, truth) for x in (1.0, 3.0)]
    assert errors[0] < 0.02 < 0.1 < errors[1]


def test_what_is_held_out_is_not_trained_on(scenes):
    whole = FolderSplit(scenes, 'train')
    train, held_out = divided(whole, 0.25)
    names = [[part[i].name for i in range(len(part))] for part in (whole, train, held_out)]
    assert sorted(names[1] + names[2]) == sorted(names[0])
    assert (len(train), len(held_out)) == (3, 1)
    assert train.classes == whole.classes and train.modalities == whole.modalities
    assert divided(whole, 0.0) == (whole, None)


def test_too_few_crops_are_refused():
    with pytest.raises(ConfigError, match=r'refinement\.crops is 4: expected 0, or at least 8'):
        RefinementRecipe(crops=4)


@pytest.fixture(scope='module')
def run(recipe, train_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp('refined') / 'run'
    fitted = RefinementRecipe(crops=8, held_out=0.25)
    train_run(replace(recipe, refinement=fitted), folder, 'self_distillation')
    return folder


def test_a_run_says_what_was_fitted(run):
    facts = read_run(run)['refinement']
    assert set(facts) == {str(c) for c in all_combinations()}
    for name, one in facts.items():
        assert one['statistics'] is (name != str(COMPLETE))
        assert one['adjusted'] is (one['miou']['adjusted'] > one['miou']['before'])
        assert one['ece']['after'] <= one['ece']['before'] + 0.1
        assert 1 / 8 < one['temperature'] < 8


def test_the_bundle_has_what_was_fitted(run, scenes, recipe, tmp_path):
    pytest.importorskip('onnx', reason='needs onnx')
    onnxruntime = pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')
    found, method = load(run), restored_method(run, read_run(run))
    words = ['export', str(run), '--out', str(tmp_path / 'bundle'), '--no-scores']
    assert cli.main(words) == 0
    bundle = load_bundle(tmp_path / 'bundle')
    assert set(bundle.provenance['refinement']) == {str(c) for c in all_combinations()}
    assert {c: one.temperature for c, one in bundle.facts.items()} == pytest.approx(
        {c: one.temperature for c, one in found.items()}
    )
    images, _ = validation_batch(FolderSplit(scenes, 'val'), recipe.input_spec, 0)
    for combination in (RGB, COMPLETE):
        network = refined(method.networks()[combination], found[combination])
        given = {m: images[m] for m in combination}
        with torch.no_grad():
            logits = network(given)
        confidence = torch.softmax(logits, 1).amax(1, keepdim=True) * 255
        wanted = torch.nn.functional.interpolate(confidence, (64, 96), mode='bilinear')[:, 0]
        session = onnxruntime.InferenceSession(bundle.graphs[combination])
        _, got = session.run(None, {m.value: x.numpy() for m, x in given.items()})
        assert np.abs(got - wanted.numpy()).max() < 1.5


def test_the_best_weights_are_exported_as_they_are(run, tmp_path):
    pytest.importorskip('onnx', reason='needs onnx')
    words = ['export', str(run), '--out', str(tmp_path / 'bundle'), '--no-scores']
    assert cli.main([*words, '--weights', 'best']) == 0
    assert load_bundle(tmp_path / 'bundle').provenance['refinement'] == {}


def test_without_a_recipe_for_it_nothing_is_fitted(base_run):
    assert read_run(base_run)['refinement'] == {}
    assert load(base_run) == {}
    assert not (base_run / REFINEMENT).exists()
