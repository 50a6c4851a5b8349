# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The packages in docs/extending.md: each is installed and used through the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
import subprocess
import sys

import bag_making
import cv2
import numpy as np
from packages import Section, TITLES
import pytest

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.modality import all_combinations, Modality

ROOT = Path(__file__).parents[1]


@pytest.fixture
def use(tmp_path):
    """Install the package of a section and run its command; return what it said."""

    def run(title: str, **places: Path) -> str:
        section = Section.of(title)
        folder = section.install(tmp_path / 'packages')
        return call([str(places.get(word, word)) for word in section.command], folder)

    def call(words: list[str], folder: Path = tmp_path / 'packages') -> str:
        paths = os.pathsep.join([str(folder), str(ROOT)])
        done = subprocess.run(
            [sys.executable, '-m', 'mm_robust_seg.cli', *words],
            cwd=tmp_path,
            env={**os.environ, 'PYTHONPATH': paths, 'OMP_NUM_THREADS': '1'},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.again = call
    return run


def test_every_chapter_is_used():
    assert TITLES == ['An engine', 'A data set', 'A method', 'A backbone', 'A health check']


def test_an_engine(use, tiny_bundle, tmp_path):
    bag = bag_making.write_bag(tmp_path / 'bag', count=6)
    use('An engine', my_bag=bag, my_bundle=tiny_bundle)
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert summary['engine'] == 'my runtime'
    assert summary['masks'] == 6


def test_a_data_set(use, tmp_path):
    random = np.random.default_rng(0)
    for split, count in (('train', 2), ('val', 1)):
        for number in range(count):
            path = tmp_path / 'orchard' / split / f'{split}{number}.npz'
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                path,
                rgb=random.integers(0, 255, (48, 64, 3), np.uint8),
                depth=random.uniform(1, 5, (48, 64)).astype(np.float32),
                labels=random.integers(0, 2, (48, 64), np.uint8),
            )
    said = use('A data set', my_data=tmp_path / 'orchard')
    assert 'orchard, licence: our own' in said
    assert '1 tree' in said
    assert (tmp_path / 'sheet.png').is_file()


def test_a_health_check(use, tiny_bundle, tmp_path, monkeypatch):
    sharp = bag_making.picture

    def blurred(modality, number):
        image = sharp(modality, number)
        return cv2.GaussianBlur(image, (0, 0), 3) if modality is Modality.RGB else image

    monkeypatch.setattr(bag_making, 'picture', blurred)
    bag = bag_making.write_bag(tmp_path / 'bag', count=12)
    use('A health check', my_bag=bag, my_bundle=tiny_bundle)
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    found = [s for s in summary['sensor_states'] if s['reason'] == 'EXTRA']
    assert {state['sensor'] for state in found} == {'rgb'}
    assert found[0]['detail'].startswith('blur: the edges have a variance of ')


RECIPE = """
batch_size: 2
crop_height_px: 64
crop_width_px: 64
workers: 0
validate_every: 0
precision: float32
data: {{kind: folder, folder: {scenes}}}
inputs: {{height_px: 64, width_px: 96}}
network: {{channels: 16}}
base: {{epochs: 1}}
adapters: {{epochs: 1}}
"""


@pytest.fixture
def recipe_file(scenes, tmp_path):
    pytest.importorskip('torch', reason='needs PyTorch')
    path = tmp_path / 'recipe.yaml'
    path.write_text(RECIPE.format(scenes=scenes))
    return path


@pytest.mark.torch
def test_a_method(use, recipe_file, base_run, tmp_path):
    use('A method', **{'my_recipe.yaml': recipe_file, 'my_base': base_run})
    facts = json.loads((tmp_path / 'run' / 'run.json').read_text())
    assert (facts['method'], facts['finished']) == ('class_gain', True)
    use.again(['export', 'run', '--out', 'bundle', '--no-scores'])
    bundle = load_bundle(tmp_path / 'bundle')
    assert bundle.combinations == all_combinations()
    assert len(bundle.adapters) == 6


@pytest.mark.torch
def test_a_backbone(use, recipe_file, tmp_path):
    use('A backbone', **{'my_recipe.yaml': recipe_file})
    facts = json.loads((tmp_path / 'run' / 'run.json').read_text())
    assert (facts['recipe']['network.backbone'], facts['finished']) == ('plain', True)
    for network in ('run', 'plain'):
        assert 'plain for rgb+thermal+depth' in use.again(['summary', network])
