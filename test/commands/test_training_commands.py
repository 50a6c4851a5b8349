# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The commands train and adapt: options, JSON, adapters where they matter."""

from dataclasses import replace
import json

import numpy as np
import pytest
import yaml

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.modality import COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.training.base_network import load_base  # noqa: E402
from mm_robust_seg.training.recipe import portable, StageRecipe  # noqa: E402
from mm_robust_seg.training.restore import restored_method  # noqa: E402
from mm_robust_seg.training.run_folder import read_run  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture
def command(recipe, scenes, tmp_path):
    """Run a command on the tiny recipe with one epoch and return its exit code."""
    once = replace(recipe, base=StageRecipe(epochs=1), validate_every=0)
    path = tmp_path / 'recipe.yaml'
    path.write_text(yaml.safe_dump(portable(once)))

    def run(name, *options):
        arguments = [name, path, '--data', scenes, '--device', 'cpu', '--threads', 1, *options]
        return cli.main([str(argument) for argument in arguments])

    return run


def test_options_change_the_recipe_and_json_is_printed(command, tmp_path, capsys):
    out = tmp_path / 'run'
    settings = ['--set', 'network.channels=8', '--set', 'batch_size=4', '--seed', 7, '--json']
    assert command('train', '--out', out, *settings) == 0
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    assert facts == read_run(out)
    assert facts['recipe']['seed'] == 7
    assert (facts['steps'], facts['finished'], facts['method']) == (1, True, 'complete')
    assert 'base: epoch 1/1' in printed.err
    assert load_base(out).decoder.classify.in_channels == 8


def test_adapters_go_where_the_importance_file_says(command, base_run, tmp_path):
    blocks = {'decoder.refine': 5.0, 'fusion.3': 2.0, 'encoders.rgb.features.17': 1.0}
    (tmp_path / 'importance.json').write_text(json.dumps({'blocks': blocks}))
    out = tmp_path / 'run'
    importance = ['--importance', tmp_path / 'importance.json']
    assert command('adapt', '--base', base_run, '--out', out, *importance) == 0
    facts = read_run(out)
    assert facts['blocks']['rgb'] == list(blocks)
    assert 'encoders.rgb.features.17' not in facts['blocks']['thermal+depth']
    adapters = restored_method(out, facts).adapters()
    assert all(site.startswith(tuple(blocks)) for site in adapters[ModalitySet.parse('rgb')].sites)
    assert len(adapters) == 6
    assert command('adapt', '--base', base_run, '--out', out, '--resume') == 2


def test_what_is_missing_decides_where_they_go(command, base_run, tmp_path):
    facts = {
        'blocks': {'decoder.refine': 5.0},
        'combinations': {'rgb': {'fusion.3': 1.0}, 'rgb+depth': {'decoder.smooth.0': 1.0}},
    }
    (tmp_path / 'importance.json').write_text(json.dumps(facts))
    importance = ['--importance', tmp_path / 'importance.json']
    assert command('adapt', '--base', base_run, '--out', tmp_path / 'run', *importance) == 0
    blocks = read_run(tmp_path / 'run')['blocks']
    assert (blocks['rgb'], blocks['rgb+depth']) == (['fusion.3'], ['decoder.smooth.0'])
    assert blocks['depth'] == ['decoder.refine']


def test_our_adapters_can_be_placed_too(command, base_run, tmp_path):
    (tmp_path / 'importance.json').write_text('{"blocks": {"decoder.refine": 5.0}}')
    out, importance = tmp_path / 'run', ['--importance', tmp_path / 'importance.json']
    importance += ['--set', 'ours.adapter=combined']
    assert command('adapt', '--method', 'ours', '--base', base_run, '--out', out, *importance) == 0
    facts = read_run(out)
    assert facts['blocks']['rgb'] == ['decoder.refine']
    adapter = restored_method(out, facts).adapters()[ModalitySet.parse('rgb')]
    assert all(s.startswith('decoder.refine') for s in adapter.low_rank.sites)
    assert adapter.low_rank.sites and adapter.scale_shift.sites


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--importance', '{here}/none.json'], 'expected a file that "mm-robust-seg importance"'),
        (['--importance', '{here}/strange.json'], 'encoders.sonar is no block of the network'),
        (['--importance', '{here}/dear.json'], 'raise placement.budget'),
        (['--method', 'hypernetwork', '--importance', '{here}/dear.json'], 'leave out'),
        (['--method', 'complete'], 'is trained by "mm-robust-seg train"'),
        (['--set', 'adapters.epoch=3'], 'did you mean adapters.epochs'),
        (['--set', 'batch_size=0'], 'from 1'),
        (['--base', '{here}'], 'expected a model bundle folder'),
    ],
)
def test_wrong_orders_are_explained(command, base_run, tmp_path, capsys, options, message):
    (tmp_path / 'strange.json').write_text('{"blocks": {"encoders.sonar": 1}}')
    (tmp_path / 'dear.json').write_text('{"blocks": {"decoder.context": 0}}')
    given = [str(option).format(here=tmp_path) for option in options]
    assert command('adapt', '--base', base_run, '--out', tmp_path / 'run', *given) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()


def test_a_gpu_that_is_not_there_is_missed(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert command('train', '--out', tmp_path / 'run', '--device', 'cuda') == 2
    assert 'finds no GPU' in capsys.readouterr().err


def test_two_starts_are_one_too_many(command, base_run, tmp_path, capsys):
    options = ['--init', base_run, '--set', 'pretrained=weights.npz']
    assert command('train', '--out', tmp_path / 'run', *options) == 2
    assert 'or --init' in capsys.readouterr().err


def test_a_picture_shows_inputs_prediction_and_truth(base_run, scenes, recipe):
    from mm_robust_seg.datasets.folder import FolderSplit
    from mm_robust_seg.training.data.samples_picture import samples_picture, WIDTH_PX

    dataset = FolderSplit(scenes, 'val')
    picture = samples_picture(load_base(base_run), COMPLETE, dataset, recipe.input_spec)
    height, width = round(96 * WIDTH_PX / 128), WIDTH_PX
    assert picture.shape == (len(dataset) * (height + 4) + 4, 5 * (width + 4) + 4, 3)
    left, caption = 4 + 4 * (width + 4), 15
    truth = picture[4 + caption : 4 + height, left : left + width]
    colours = {tuple(dataset.classes[label].color) for label in np.unique(dataset[0].labels)}
    assert {tuple(int(v) for v in pixel) for pixel in truth.reshape(-1, 3)} == colours
