# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every command that writes a folder: nothing of others is lost, and two runs are told."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
import shutil

from bag_making import write_bag
from labelled_room import write_plan, write_room
import pytest
import yaml

from mm_robust_seg import cli
from mm_robust_seg.files import claimed

pytest.importorskip('torch', reason='needs PyTorch')
pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('mm_robust_seg.engine.openvino', reason='OpenVINO is not installed')

from small_network import write_small_bundle

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.training.recipe import portable, StageRecipe

LEFT = '.mm_robust_seg.unfinished'
BUNDLES, BAGS = ('export', 'quantize'), ('break-bag', 'make-bag')
LAST = {
    'adapt': 'run.json',
    'break-bag': 'metadata.yaml',
    'compare': 'compare.json',
    'demo': 'summary.json',
    'evaluate': 'evaluation.json',
    'export': 'manifest.json',
    'importance': 'importance.json',
    'make-bag': 'metadata.yaml',
    'quantize': 'manifest.json',
    'replay': 'summary.json',
    'train': 'run.json',
}
"""Of every command with a folder of results, the file that says that all is there."""


@dataclass(frozen=True)
class Inputs:
    """What the commands are given, made once."""

    folder: Path
    words: dict[str, list[str]]


@pytest.fixture(scope='module')
def inputs(tmp_path_factory, tiny_bundle, recipe, scenes, base_run) -> Inputs:
    root = tmp_path_factory.mktemp('inputs')
    bag, room = write_bag(root / 'bag', count=3), write_room(root / 'room')
    small = write_small_bundle(root / 'small', (ModalitySet.parse('rgb+depth'),))
    (root / 'plan').mkdir()
    plan = write_plan(root / 'plan')
    scenario = root / 'scenario.yaml'
    scenario.write_text('phases: [{name: well, duration_s: 1}]')
    once = replace(recipe, base=StageRecipe(epochs=1), validate_every=0)
    (root / 'recipe.yaml').write_text(yaml.safe_dump(portable(once)))
    training = [root / 'recipe.yaml', '--data', scenes, '--device', 'cpu', '--threads', 1]
    engine = ['--bundle', tiny_bundle]
    words = {
        'adapt': [*training, '--base', base_run, '--method', 'ssf'],
        'break-bag': [bag, '--scenario', scenario],
        'compare': [plan, '--table-only'],
        'demo': [],
        'evaluate': [*engine, '--dataset', 'mm5', '--data', room, '--skip-noise'],
        'export': [base_run, '--no-scores'],
        'importance': [base_run, '--dataset', 'folder', '--data', scenes, '--device', 'cpu'],
        'make-bag': [room],
        'quantize': [small, '--precision', 'fp16'],
        'replay': [bag, *engine, '--backend', 'onnxruntime'],
        'train': training,
    }
    return Inputs(root, {name: [*map(str, given)] for name, given in words.items()})


@pytest.fixture
def run(inputs, monkeypatch) -> Callable[[str, Path], int]:
    """Run a command into a folder; what its processes would do in the demo is left out."""

    def run_into(name: str, out: Path) -> int:
        if name == 'demo':
            pytest.importorskip('rclpy', reason='ROS 2 is not installed')
            from observed_run import record_run

            from mm_robust_seg.ros.demo.demo import Demo

            monkeypatch.setattr(Demo, 'play', lambda *_: record_run().record())
        return cli.main([name, *inputs.words[name], '--out', str(out)])

    return run_into


def test_no_command_with_an_out_is_left_out():
    def has_out(name: str) -> bool:
        try:
            actions = cli._parser(name)._subparsers._group_actions[0].choices[name]._actions
        except ImportError:
            return False
        return any('--out' in action.option_strings for action in actions)

    found = {name for name in cli.COMMANDS if has_out(name)}
    assert isinstance(cli._parser(''), argparse.ArgumentParser) and found == set(LAST)


def one_sentence(capsys) -> str:
    told = capsys.readouterr().err
    assert 'Traceback' not in told
    last = told.splitlines()[-1]
    assert last.startswith('mm-robust-seg: ')
    return last


@pytest.mark.parametrize('name', LAST)
def test_a_run_into_a_folder_that_another_writes_into_is_told(name, run, tmp_path, capsys):
    with claimed(tmp_path / 'out'):
        assert run(name, tmp_path / 'out') == cli.WRONG_INPUT
        assert 'another run writes into' in one_sentence(capsys)


@pytest.mark.parametrize('name', LAST)
def test_a_file_is_not_taken_for_a_folder(name, run, tmp_path, capsys):
    (tmp_path / 'out').write_text('mine')
    assert run(name, tmp_path / 'out') == cli.WRONG_INPUT
    assert str(tmp_path / 'out') in one_sentence(capsys)
    assert (tmp_path / 'out').read_text() == 'mine'


@pytest.mark.parametrize('name', LAST)
def test_links_notes_and_the_rest_of_a_killed_run(name, run, tmp_path, monkeypatch, tiny_bundle):
    """Into ``.``, which is behind a link and has files of others: all stay, and nothing hidden."""
    real = tmp_path / 'real'
    if name in BUNDLES:
        shutil.copytree(tiny_bundle, real)
    (real / LEFT).mkdir(parents=True)
    (real / LEFT / 'half.onnx').write_text('half')
    if name not in BAGS:
        (real / 'NOTES.md').write_text('mine')
        (real / 'plans').mkdir()
        (real / 'plans' / 'rgb.plan').write_text('mine')
    (tmp_path / 'link').symlink_to('real')
    monkeypatch.chdir(real)
    for out in (tmp_path / 'link', Path()):
        if out == Path() and name in (*BAGS, 'train', 'adapt', 'export'):
            continue  # the first four refuse to write again, and the last takes long
        assert run(name, out) == 0
        assert (real / LAST[name]).is_file()
    assert (tmp_path / 'link').is_symlink()
    assert not [path.name for path in real.rglob('.*')]
    if name not in BAGS:
        assert (real / 'NOTES.md').read_text() == 'mine'
        assert (real / 'plans' / 'rgb.plan').read_text() == 'mine'


@pytest.mark.parametrize('name', BAGS)
def test_a_bag_can_be_made_where_one_stands(name, run, tmp_path, monkeypatch):
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    assert run(name, Path()) == 0
    assert {path.name for path in Path().iterdir()} == {'metadata.yaml', 'here.mcap'}
