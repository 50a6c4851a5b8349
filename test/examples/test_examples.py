# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The programs in examples/ run, are short, and use the public surface alone."""

import ast
from pathlib import Path
import subprocess
import sys

from bag_making import write_bag
import cv2
import numpy as np
import pytest

from mm_robust_seg.simulation import sample_captures

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / 'examples').glob('*.py'))


def run(example, *arguments):
    command = [sys.executable, str(ROOT / 'examples' / example), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize('path', EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_uses_the_public_surface(path):
    tree = ast.parse(path.read_text())
    used = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert {name for name in used if name.startswith('mm_robust_seg')} == {'mm_robust_seg.api'}
    code = [node for node in tree.body if not isinstance(node, (ast.Import, ast.ImportFrom))]
    assert code[-1].end_lineno - code[1].lineno < 12
    assert ast.get_docstring(tree)


def test_masks_of_three_images(tmp_path):
    [capture] = sample_captures(1, 1, 320, 240)
    images = {
        'rgb': cv2.cvtColor(capture.rgb, cv2.COLOR_RGB2BGR),
        'thermal': capture.thermal,
        'depth': capture.depth,
    }
    paths = [tmp_path / f'{name}.png' for name in images]
    for path, image in zip(paths, images.values(), strict=True):
        cv2.imwrite(str(path), image)
    run('masks.py', *paths, tmp_path / 'mask.png')
    mask = cv2.imread(str(tmp_path / 'mask.png'), cv2.IMREAD_UNCHANGED)
    assert np.mean(mask == capture.labels) > 0.9


def test_replay_of_a_bag(tiny_bundle, tmp_path):
    lines = run('replay.py', write_bag(tmp_path / 'bag'), tiny_bundle)
    assert len(lines) >= 20
    assert lines[-1].split()[1:] == ['rgb+thermal+depth']


def test_health_of_one_camera():
    lines = run('health.py')
    assert [line.split()[0] for line in (lines[29], lines[-1])] == ['OK', 'FROZEN']
    assert 'equal images' in lines[-1]
