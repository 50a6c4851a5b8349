# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A fourth kind of sensor is one file, and lines in three; no place takes it for another kind."""

from pathlib import Path
import shutil
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[2]
KIND = ROOT / 'test/support/fourth_kind'
LINES = {
    'modality.py': [("    DEPTH = 'depth'\n", "    NIR = 'nir'\n")],
    'modalities/__init__.py': [
        (
            'from mm_robust_seg.modalities.kind import SensorKind\n',
            'from mm_robust_seg.modalities.nir import NIR\n',
        ),
        ('(RGB, THERMAL, DEPTH', ', NIR'),
    ],
    'config.py': [
        (
            'from mm_robust_seg.modalities.depth import DepthInputConfig, DepthMonitorConfig\n',
            'from mm_robust_seg.modalities.nir import NirInputConfig, NirMonitorConfig\n',
        ),
        (
            '    depth: DepthInputConfig = field(default_factory=DepthInputConfig)\n',
            '    nir: NirInputConfig = field(default_factory=NirInputConfig)\n',
        ),
        (
            '    depth: DepthMonitorConfig = field(default_factory=DepthMonitorConfig)\n',
            '    nir: NirMonitorConfig = field(default_factory=NirMonitorConfig)\n',
        ),
        (
            '    depth: SensorRecoveryConfig = field(default_factory=SensorRecoveryConfig)\n',
            '    nir: SensorRecoveryConfig = field(default_factory=SensorRecoveryConfig)\n',
        ),
    ],
}
"""For each file of the package, what is written after what: all that is to be done by hand."""


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    """The package with a fourth kind, and what the walk needs beside it."""
    folder = tmp_path_factory.mktemp('fourth_kind')
    package = folder / 'mm_robust_seg'
    ignored = shutil.ignore_patterns('__pycache__')
    shutil.copytree(ROOT / 'mm_robust_seg', package, ignore=ignored)
    shutil.copy(KIND / 'nir.py', package / 'modalities')
    for name, insertions in LINES.items():
        text = (package / name).read_text()
        for before, line in insertions:
            assert text.count(before) == 1, (name, before)
            text = text.replace(before, before + line)
        (package / name).write_text(text)
    for source in (KIND / 'walk.py', ROOT / 'test/support/tiny_bundle.py'):
        shutil.copy(source, folder)
    for name in ('models', 'config'):
        (folder / name).symlink_to(ROOT / name)
    return folder


def test_every_place_serves_it_or_refuses_it_by_name(copy):
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'walk.py']
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
