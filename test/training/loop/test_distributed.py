# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Two processes that share batches train what one process trains."""

from contextlib import nullcontext
from dataclasses import replace
import os
from pathlib import Path
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.modality import ModalitySet  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.training.base_network import save_network  # noqa: E402
from mm_robust_seg.training.loop import checkpoint  # noqa: E402
from mm_robust_seg.training.loop.process_group import ProcessGroup  # noqa: E402
from mm_robust_seg.training.loop.task_state import last_path  # noqa: E402
from mm_robust_seg.training.recipe import portable  # noqa: E402
from mm_robust_seg.training.run_folder import read_run  # noqa: E402

pytestmark = pytest.mark.torch
RGB_DEPTH = ModalitySet.parse('rgb+depth')
ROOT = Path(__file__).parents[3]


@pytest.fixture
def words(recipe, scenes, tmp_path):
    """Command line of an adapter on data whose classes weigh the same, so that means add up."""
    data = tmp_path / 'data'
    (data / 'labels').mkdir(parents=True)
    for part in ('rgb', 'depth', 'classes.json', 'train.txt', 'val.txt'):
        (data / part).symlink_to(scenes / part)
    halves = np.zeros((96, 128), np.uint8)
    halves[:, 64:] = 1
    for path in (scenes / 'labels').iterdir():
        assert cv2.imwrite(str(data / 'labels' / path.name), halves)
    torch.manual_seed(1)
    save_network(tmp_path / 'base/base.safetensors', Segmenter(3, RGB_DEPTH, channels=16))
    (tmp_path / 'base/run.json').write_text('{}')
    short = replace(recipe, validate_every=0)
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(portable(short)))
    return [
        'adapt',
        str(tmp_path / 'recipe.yaml'),
        '--data',
        str(data),
        '--base',
        str(tmp_path / 'base'),
        '--device',
        'cpu',
        '--threads',
        '1',
        '--out',
    ]


def test_two_processes_train_what_one_does(words, tmp_path):
    assert cli.main([*words, str(tmp_path / 'one')]) == 0
    launch = ['torch.distributed.run', '--standalone', '--nproc-per-node', '2', '-m']
    subprocess.run(
        [sys.executable, '-m', *launch, 'mm_robust_seg.cli', *words, str(tmp_path / 'two')],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'},
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert read_run(tmp_path / 'two')['finished']
    for task in ('rgb', 'depth'):
        one, two = (
            checkpoint.load(last_path(tmp_path / name, task))[0] for name in ('one', 'two')
        )
        assert one.keys() == two.keys()
        initial = {name: torch.ones(()) if 'gamma' in name else torch.zeros(()) for name in one}
        moved = torch.cat([(one[name] - initial[name]).flatten() for name in one])
        apart = torch.cat([(one[name] - two[name]).flatten() for name in one])
        assert apart.norm() < 1e-4 * moved.norm()


def test_a_team_of_one_changes_nothing():
    values = torch.arange(4.0)
    ProcessGroup().average([values])
    ProcessGroup().broadcast([values])
    ProcessGroup().barrier()
    assert values.tolist() == [0, 1, 2, 3]


def test_more_processes_than_samples_are_refused(words, tmp_path, monkeypatch, capsys):
    from mm_robust_seg.training import run as run_method

    monkeypatch.setattr(
        run_method, 'joined_group', lambda _device: nullcontext(ProcessGroup(0, 3))
    )
    assert cli.main([*words, str(tmp_path / 'run')]) == 2
    assert '3 processes share batches of 2' in capsys.readouterr().err


def test_a_process_with_one_sample_cannot_train_batch_norms(words, tmp_path, monkeypatch, capsys):
    from mm_robust_seg.training import run as run_method

    monkeypatch.setattr(
        run_method, 'joined_group', lambda _device: nullcontext(ProcessGroup(0, 2))
    )
    train = ['train', *(x for x in words[1:] if x not in ('--base', str(tmp_path / 'base')))]
    assert cli.main([*train, str(tmp_path / 'run')]) == 2
    assert 'at least 2 samples for each' in capsys.readouterr().err
