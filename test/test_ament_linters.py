# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The linters of ROS, with Google docstrings and imports as ruff sorts them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
import shutil

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ('mm_robust_seg', 'launch', 'setup.py')
GOOGLE = ('--convention', 'google', '--add-ignore', 'D100', 'D103', 'D104', 'D105', 'D107')


@pytest.mark.parametrize(
    ('linter', 'arguments'),
    [
        ('ament_flake8', ('--config', 'setup.cfg', *SOURCES)),
        ('ament_pep257', (*GOOGLE, 'D403', 'D417', '--', *SOURCES)),
        ('ament_xmllint', ('package.xml',)),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_a_linter_of_ros_finds_nothing(linter, arguments, monkeypatch, capsys):
    pytest.importorskip(linter, reason=f'{linter} is not installed')
    if linter == 'ament_xmllint' and shutil.which('xmllint') is None:
        pytest.skip('xmllint is not installed')
    monkeypatch.chdir(ROOT)
    code = import_module(f'{linter}.main').main(argv=list(arguments))
    assert code == 0, capsys.readouterr().out[-5000:]
