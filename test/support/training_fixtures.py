# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A tiny data set, a tiny recipe, and runs of it that many tests look at."""

import dataclasses
import io
import json

import cv2
import numpy as np
import pytest

SIZE_PX = (64, 96)
SENSORS = ('rgb', 'thermal', 'depth')


def write_scenes(root, sensors=SENSORS, counts=(4, 2), classes=('floor', 'ball', 'box')):
    """Write a data folder in which every sensor sees the objects."""
    rng = np.random.default_rng(0)
    for part in (*sensors, 'labels'):
        (root / part).mkdir(parents=True)
    names = [f'{number:02d}' for number in range(sum(counts))]
    for number, name in enumerate(names):
        label = np.zeros((96, 128), np.uint16)
        top, left = rng.integers(0, 60, 2)
        label[top : top + 30, left : left + 60] = 1 + number % (len(classes) - 1)
        rgb = np.where(label[..., None] > 0, 200, 60) + rng.integers(0, 20, (96, 128, 3))
        images = {
            'rgb': rgb.astype(np.uint8),
            'thermal': (29000 + 400 * label + rng.integers(0, 9, label.shape)).astype(np.uint16),
            'depth': (1200 - 200 * label + rng.integers(0, 9, label.shape)).astype(np.uint16),
            'labels': label.astype(np.uint8),
        }
        for part in (*sensors, 'labels'):
            assert cv2.imwrite(str(root / part / f'{name}.png'), images[part])
    (root / 'classes.json').write_text(json.dumps(list(classes)))
    (root / 'train.txt').write_text('\n'.join(names[: counts[0]]))
    (root / 'val.txt').write_text('\n'.join(names[counts[0] :]))
    return root


@pytest.fixture(scope='session')
def scenes(tmp_path_factory):
    """A data folder with all sensors: four samples to train on, two to validate on."""
    return write_scenes(tmp_path_factory.mktemp('scenes'))


@pytest.fixture(scope='session')
def scenes_without_thermal(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp('two'), ('rgb', 'depth'))


@pytest.fixture(scope='session')
def recipe(scenes):
    """Two epochs of two steps on small windows."""
    from mm_robust_seg.training.recipe import NetworkRecipe, Recipe, StageRecipe

    tiny = Recipe(
        name='tiny',
        batch_size=2,
        crop_height_px=64,
        crop_width_px=64,
        precision='float32',
        workers=0,
        validate_every=1,
    )
    return dataclasses.replace(
        tiny,
        data=dataclasses.replace(tiny.data, kind='folder', folder=str(scenes)),
        inputs=dataclasses.replace(tiny.inputs, height_px=SIZE_PX[0], width_px=SIZE_PX[1]),
        network=NetworkRecipe(channels=16),
        base=StageRecipe(epochs=2),
        adapters=StageRecipe(epochs=1, weight_decay=0.0),
    )


@pytest.fixture(scope='session')
def train_run():
    """Train a method and return what was printed."""
    from rich.console import Console
    import torch

    from mm_robust_seg.report.terminal import TerminalProgress
    from mm_robust_seg.training.methods import METHODS
    from mm_robust_seg.training.preparation import RunRequest
    from mm_robust_seg.training.run import run_method

    def run(recipe, out, method='complete', init=None, resume=False):
        said = io.StringIO()
        command = METHODS[method].command
        request = RunRequest(command, method, recipe, init, out, resume, torch.device('cpu'))
        with TerminalProgress(Console(file=said, width=200)) as progress:
            run_method(request, progress)
        return said.getvalue()

    return run


@pytest.fixture(scope='session')
def base_run(recipe, train_run, tmp_path_factory):
    """A finished run of the method complete."""
    out = tmp_path_factory.mktemp('base') / 'run'
    train_run(recipe, out)
    return out


@pytest.fixture(scope='session')
def exported(adapter_run, scenes, tmp_path_factory):
    """The folder of the bundle that ``adapter_run`` is exported to, with scores."""
    pytest.importorskip('onnx', reason='needs onnx')
    from mm_robust_seg import cli

    folder = tmp_path_factory.mktemp('bundles') / 'ssf'
    words = [str(adapter_run), '--out', str(folder), '--data', str(scenes)]
    assert cli.main(['export', *words]) == 0
    return folder


@pytest.fixture(scope='session')
def adapter_run(recipe, train_run, base_run, tmp_path_factory):
    """A finished run of the method ssf."""
    out = tmp_path_factory.mktemp('ssf') / 'run'
    train_run(recipe, out, 'ssf', base_run)
    return out
