# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The summary: costs that a pencil confirms, and the command."""

import copy
import json

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import random_inputs  # noqa: E402

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.analysis.summary import macs_of, summarized  # noqa: E402
from mm_robust_seg.modality import all_combinations, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import parameter_count  # noqa: E402
from mm_robust_seg.network.adapters.registry import ADAPTERS  # noqa: E402
from mm_robust_seg.network.backbones.mit import Block  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('rgb+depth')
SIZE_PX = (64, 96)


@pytest.fixture(scope='module')
def segmenter():
    return Segmenter(5, PAIR, 'mit_b0', 16).eval()


@pytest.fixture(scope='module')
def facts(segmenter):
    return summarized(segmenter, SIZE_PX)


@pytest.mark.parametrize(
    ('layer', 'shape', 'macs'),
    [
        (torch.nn.Conv2d(3, 8, 3, stride=2, padding=1), (3, 16, 24), 8 * 12 * 8 * 3 * 9),
        (torch.nn.Conv2d(6, 6, 3, padding=1, groups=6), (6, 16, 24), 16 * 24 * 6 * 9),
        (torch.nn.Linear(10, 7), (4, 10), 4 * 10 * 7),
    ],
)
def test_layers_are_counted_as_by_hand(layer, shape, macs):
    assert macs_of(layer.to('meta'), torch.zeros(1, *shape, device='meta')) == {'': macs}


def test_attention_is_counted_as_by_hand():
    channels, height, width, reduction = 32, 16, 24, 8
    tokens, keys = height * width, height * width // reduction**2
    block = Block(channels, heads=1, reduction=reduction).to('meta')
    found = macs_of(block, torch.zeros(1, height, width, channels, device='meta'))
    assert found['attention'] == 2 * tokens * keys * channels
    assert found['attention.query'] == found['attention.project'] == tokens * channels**2
    assert found['attention.key_value'] == 2 * keys * channels**2
    assert found['attention.reduce'] == keys * channels**2 * reduction**2
    assert found['mix.filter'] == tokens * 4 * channels * 9
    assert found[''] == found['mix'] == 0


@pytest.mark.parametrize('combination', all_combinations(PAIR), ids=str)
def test_a_combination_costs_what_it_costs_to_run_it(facts, segmenter, combination):
    network = copy.deepcopy(segmenter).to('meta')
    images = {m: x.to('meta') for m, x in random_inputs(combination, SIZE_PX).items()}
    executed = sum(macs_of(network, images).values())
    assert facts['combinations'][str(combination)]['macs'] == executed


def test_parts_and_combinations_add_up(facts, segmenter):
    parts, combinations = facts['parts'], facts['combinations']
    assert set(parts) == {'encoder rgb', 'encoder depth', 'fusion', 'decoder'}
    assert sum(part['parameters'] for part in parts.values()) == parameter_count(segmenter)
    assert sum(part['macs'] for part in parts.values()) == combinations['rgb+depth']['macs']
    assert combinations['rgb+depth']['parameters'] == parameter_count(segmenter)
    absent = sum(
        parameter.numel()
        for name, parameter in segmenter.named_parameters()
        if '.rgb.' in name or '.gate.' in name
    )
    assert combinations['depth']['parameters'] == parameter_count(segmenter) - absent


def test_adapters_are_those_that_would_be_trained(facts, segmenter):
    assert set(facts['adapters']) == set(ADAPTERS)
    assert facts['adapters']['prompt_concat'] is None
    depth = ModalitySet.parse('depth')
    for name in ('ssf', 'prompt_input'):
        assert facts['adapters'][name]['depth'] == parameter_count(
            ADAPTERS[name](segmenter, depth, None)
        )


def test_the_network_stays_as_it_was(segmenter, facts):
    assert facts['width_px'] == 96
    assert {p.device.type for p in segmenter.parameters()} == {'cpu'}


def printed(capsys, *arguments):
    assert cli.main(['summary', *map(str, arguments), '--json']) == 0
    return json.loads(capsys.readouterr().out)


def test_recipes_runs_bundles_and_backbones_can_be_summed_up(base_run, tmp_path, capsys):
    one = ('--modalities', 'depth')
    run = printed(capsys, base_run)
    assert (run['class_count'], run['height_px'], run['width_px']) == (3, 64, 96)
    assert printed(capsys, 'sim')['combinations']['rgb']['parameters'] > 1_000_000
    (tmp_path / 'recipe.yaml').write_text('inputs: {height_px: 64}\nnetwork: {channels: 8}\n')
    recipe = printed(capsys, tmp_path / 'recipe.yaml', '--classes', 7, *one)
    assert (recipe['class_count'], recipe['height_px'], recipe['width_px']) == (7, 64, 320)
    assert recipe['combinations'].keys() == {'depth'}
    backbone = printed(capsys, 'mit_b0', '--size', '96x64', *one)
    assert (backbone['backbone'], backbone['height_px'], backbone['width_px']) == (
        'mit_b0',
        64,
        96,
    )


def test_the_tables_show_every_part_and_method(capsys):
    assert cli.main(['summary', 'mobilenetv2', '--modalities', 'rgb+thermal']) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ('encoder thermal', 'complete network', *ADAPTERS))
    assert '320 x 240 px' in text


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nothing'], "there is no model bundle 'nothing'"),
        (['sim', '--classes', '4'], 'leave out --classes'),
        (['mit_b0', '--classes', '0'], 'expected at least 1'),
        (['mit_b0', '--size', '100x30'], "--size is '100x30'"),
        (['mit_b0', '--modalities', 'radar'], "'radar' is not a modality combination"),
    ],
)
def test_wrong_input_is_one_line(arguments, message, capsys):
    assert cli.main(['summary', *arguments]) == 2
    assert message in capsys.readouterr().err
