# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Importance: what it means, that a sensor nobody looks at has none, and the command."""

import copy
import json

import cv2
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')
pytest.importorskip('matplotlib', reason='needs matplotlib')

from random_inputs import random_inputs, warmed_up  # noqa: E402

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.analysis.importance import layer_importance, measured  # noqa: E402
from mm_robust_seg.analysis.importance_report import facts_of, layers_of  # noqa: E402
from mm_robust_seg.datasets.load import load_split  # noqa: E402
from mm_robust_seg.errors import ConfigError  # noqa: E402
from mm_robust_seg.modality import all_combinations, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.placement import blocks_of  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.scores.metrics import ConfusionMatrix  # noqa: E402
from mm_robust_seg.training.base_network import load_base  # noqa: E402
from mm_robust_seg.training.data.batches import validation_batch  # noqa: E402
from mm_robust_seg.training.data.scores import predicted  # noqa: E402
from mm_robust_seg.training.objectives.base import SegmentationLoss  # noqa: E402
from mm_robust_seg.training.placement import read_importance  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('rgb+depth')


@pytest.fixture(scope='module', params=['mobilenetv2', 'mit_b0'])
def segmenter(request):
    torch.manual_seed(3)
    return warmed_up(Segmenter(3, PAIR, request.param, 16))


@pytest.fixture(scope='module')
def deaf_to_depth(segmenter):
    """A network whose gates are shut for depth."""
    network = copy.deepcopy(segmenter)
    for fusion in network.fusion:
        fusion.gate['depth'].bias.fill_(-1e4)
    return network


@pytest.fixture
def val(scenes_without_thermal):
    return load_split('folder', scenes_without_thermal, 'val')


@pytest.fixture
def labels():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 3, (1, 64, 96), np.uint8))


def nothing():
    """Advance no progress bar."""


def test_it_is_gradient_times_activation_of_every_block(segmenter, labels):
    images = random_inputs(PAIR)
    blocks, inputs = layer_importance(segmenter, images, labels)
    levels = [level.detach().requires_grad_() for level in segmenter.fuse(images)]
    SegmentationLoss(torch.ones(3))(segmenter.decoder(levels), labels).backward()
    for index, level in enumerate(levels):
        expected = float((level.grad * level.detach()).abs().sum())
        assert blocks[f'fusion.{index}'] == pytest.approx(expected, rel=1e-3)
    assert set(blocks) == set(blocks_of(segmenter))
    assert set(inputs) == {(level, m) for level in range(4) for m in PAIR}
    assert min(*blocks.values(), *inputs.values()) > 0


def test_it_is_measured_on_every_combination(segmenter, recipe, val):
    found = measured(segmenter, val, [0], recipe.input_spec, nothing)
    assert set(found.combinations) == {ModalitySet.parse('rgb'), ModalitySet.parse('depth')}
    images, labels = validation_batch(val, recipe.input_spec, 0)
    for combination, blocks in found.combinations.items():
        given = {m: images[m] for m in combination}
        alone, _ = layer_importance(segmenter, given, labels)
        assert list(blocks) == list(blocks_of(segmenter))
        assert all(
            blocks[name] == pytest.approx(alone.get(name, 0.0), rel=1e-3) for name in blocks
        )
        absent = ''.join(str(m) for m in PAIR - combination)
        assert not any(value for name, value in blocks.items() if absent in name)


def test_what_enters_the_fusion_is_what_the_last_block_gives(segmenter, labels):
    blocks, inputs = layer_importance(segmenter, random_inputs(PAIR), labels)
    rgb = [name for name in blocks if name.startswith('encoders.rgb.')]
    assert inputs[3, Modality.RGB] == pytest.approx(blocks[rgb[-1]])


def test_the_network_stays_as_it_was(segmenter, labels):
    layer_importance(segmenter, random_inputs(PAIR), labels)
    assert all(parameter.grad is None for parameter in segmenter.parameters())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in segmenter.modules())


def test_a_sensor_nobody_looks_at_carries_nothing(deaf_to_depth, recipe, val):
    found = measured(deaf_to_depth, val, range(len(val)), recipe.input_spec, nothing)
    facts = facts_of(found, val.classes)
    assert facts['miou']['drop']['depth'] == 0
    assert {row['drop']['depth'] for row in facts['classes'].values()} <= {0, None}
    for rgb, depth in layers_of(facts).values():
        assert rgb > 0 == depth


def miou_of(network, combination, val, recipe):
    """Count by hand what one network makes of one combination."""
    matrix = ConfusionMatrix(len(val.classes))
    for index in range(len(val)):
        images, _ = validation_batch(val, recipe.input_spec, index)
        truth = val[index].labels
        matrix.add(predicted(network, {m: images[m] for m in combination}, truth.shape), truth)
    return matrix.miou()


def test_drops_are_differences_of_measured_scores(segmenter, recipe, val):
    found = measured(segmenter, val, range(len(val)), recipe.input_spec, nothing)
    facts = facts_of(found, val.classes)
    complete = miou_of(segmenter, PAIR, val, recipe)
    assert facts['miou']['complete'] == pytest.approx(complete, abs=1e-5)
    for modality in PAIR:
        without = miou_of(segmenter, PAIR - ModalitySet([modality]), val, recipe)
        drop = facts['miou']['drop'][modality.value]
        assert drop == pytest.approx(complete - without, abs=2e-5)


def test_network_and_data_must_fit(recipe, val):
    for network, message in [
        (Segmenter(4, PAIR), '4 classes, the data set 3'),
        (Segmenter(3), 'the data set has rgb\\+depth'),
        (Segmenter(3, ModalitySet.parse('depth')), 'one modality, depth'),
    ]:
        with pytest.raises(ConfigError, match=message):
            measured(network, val, [0], recipe.input_spec, nothing)


def importance(run, data, out, *options):
    arguments = [run, '--dataset', 'folder', '--data', data, '--out', out, '--device', 'cpu']
    return cli.main(['importance', *map(str, [*arguments, *options])])


def test_the_command_writes_what_adapt_reads(base_run, scenes, tmp_path, capsys):
    assert importance(base_run, scenes, tmp_path, '--split', 'train', '--json') == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads((tmp_path / 'importance.json').read_text())
    assert (facts['dataset'], facts['split'], facts['samples']) == ('folder', 'train', 4)
    assert facts['modalities'] == ['rgb', 'thermal', 'depth']
    assert list(facts['classes']) == ['floor', 'ball', 'box']
    read = read_importance(tmp_path / 'importance.json')
    assert list(read.blocks) == list(blocks_of(load_base(base_run)))
    assert set(read.combinations) == set(all_combinations()[1:])
    text = (tmp_path / 'importance.md').read_text()
    assert all(f'| {name} |' in text for name in ['mean', 'floor', 'features.17', 'fusion.3'])
    picture = cv2.imread(str(tmp_path / 'importance.png'))
    assert picture.shape[1] > 500
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_few_samples_are_enough(base_run, scenes, tmp_path, capsys):
    assert importance(base_run, scenes, tmp_path, '--samples', 1) == 0
    assert 'without thermal: ' in capsys.readouterr().out
    assert json.loads((tmp_path / 'importance.json').read_text())['samples'] == 1


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--samples', 0], '--samples is 0: expected at least 1'),
        (['--dataset', 'mfnet', '--data', '/nowhere'], 'no folder /nowhere'),
    ],
)
def test_wrong_options_are_one_line(base_run, scenes, tmp_path, capsys, options, message):
    assert importance(base_run, scenes, tmp_path / 'out', *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
