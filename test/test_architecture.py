# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The house: every import contract catches what it forbids; files are small and where they belong.

The contracts are held by ``make lint``; here each is broken once, in a copy of the package.
"""

from __future__ import annotations

from collections import Counter
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
import re
import shutil
import statistics
import subprocess
import sys

import pytest

from mm_robust_seg.build import ENGINES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'mm_robust_seg'
CONTRACTS = ROOT / '.importlinter'
ROOTS = ('mm_robust_seg', 'test', 'benchmarks', 'examples')
HEADING = '# Copyright 2026 mm_robust_seg maintainers\n# SPDX-License-Identifier: Apache-2.0\n'
MODULES = sorted(PACKAGE.rglob('*.py'))
TRAINING = {'commands', 'bundling', 'analysis', 'training', 'network'}
"""The rooms that may use torch."""

BREAKS = {
    'layers': ('build.py', 'import mm_robust_seg.recordings.storage'),
    'ros-layers': ('ros/processes/client.py', 'import mm_robust_seg.ros.rig.node'),
    'stages': ('stages/mask.py', 'import mm_robust_seg.stages.preprocess'),
    'stories': ('ros/demo/demo.py', 'import mm_robust_seg.replay.player'),
    'evaluation': ('ros/demo/demo.py', 'import mm_robust_seg.evaluation.run'),
    'observation': ('experiments/plan.py', 'import mm_robust_seg.observation.score'),
    'ros': ('commands/rig.py', 'import rclpy'),
    'torch': ('ros/node/node.py', 'import mm_robust_seg.network.decoder'),
    'drawing': ('evaluation/plots.py', 'import rich.table'),
    'engines': ('ros/node/session.py', 'import mm_robust_seg.engine.openvino'),
}
"""For each contract a module, and the import that no other contract forbids there."""


def _contracts() -> dict[str, dict[str, str]]:
    parser = ConfigParser()
    parser.read(CONTRACTS)
    prefix = 'importlinter:contract:'
    return {
        name.removeprefix(prefix): dict(parser[name])
        for name in parser.sections()
        if name.startswith(prefix)
    }


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    """A copy of the package with its contracts."""
    pytest.importorskip('importlinter', reason='import-linter is not installed: make lint does')
    folder = tmp_path_factory.mktemp('copy')
    ignored = shutil.ignore_patterns('__pycache__')
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=ignored)
    shutil.copy(CONTRACTS, folder)
    return folder


def _broken(folder: Path) -> set[str]:
    """Return the names of the contracts that are broken in a copy."""
    lint = 'from importlinter.cli import lint_imports_command; lint_imports_command()'
    done = subprocess.run(
        [sys.executable, '-c', lint], cwd=folder, capture_output=True, text=True, check=False
    )
    broken = set(re.findall(r'^(.+) BROKEN$', done.stdout, re.MULTILINE))
    assert 'KEPT' in done.stdout, done.stdout + done.stderr
    assert done.returncode == bool(broken)
    return broken


@contextmanager
def _with(path: Path, text: str):
    """Add ``text`` to a file for a while."""
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'{before or ""}\n{text}\n')
    try:
        yield
    finally:
        path.unlink() if before is None else path.write_text(before)


def test_the_contracts_are_kept_in_the_copy(copy):
    assert _broken(copy) == set()


@pytest.mark.parametrize('contract', _contracts())
def test_a_contract_catches_the_import_it_forbids_and_alone(contract, copy):
    module, line = BREAKS[contract]
    with _with(copy / PACKAGE.name / module, line):
        assert _broken(copy) == {_contracts()[contract]['name']}


@pytest.mark.parametrize(('room', 'contract'), [('', 'layers'), ('ros', 'ros-layers')])
def test_a_new_room_needs_a_floor(room, contract, copy):
    attic = copy / PACKAGE.name / room / 'attic'
    with _with(attic / '__init__.py', ''):
        assert _broken(copy) == {_contracts()[contract]['name']}
    attic.rmdir()


def test_every_room_but_those_of_training_is_kept_from_torch():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix in ('', '.py')}
    rooms -= {'__init__', '__pycache__'}
    kept = _contracts()['torch']['source_modules'].split()
    assert kept == [f'{PACKAGE.name}.{name.rpartition(".")[2]}' for name in kept]
    assert {name.rpartition('.')[2] for name in kept} == rooms - TRAINING


def test_every_engine_of_ours_is_named_by_build_alone():
    """``build.ENGINES`` names them by text, which no contract sees."""
    named = {text.partition(':')[0] for text in ENGINES.values()}
    protected = set(_contracts()['engines']['protected_modules'].split())
    opened = {'mm_robust_seg.engine.tensorrt.availability': 'mm_robust_seg.engine.tensorrt.engine'}
    assert {opened.get(name, name) for name in named} == protected
    others = [path for path in MODULES if path.stem != 'build']
    texts = {path: re.findall(r"'([\w.]+):\w+'", path.read_text()) for path in others}
    assert [path for path, found in texts.items() if named & set(found)] == []


def test_every_file_says_whose_it_is_and_under_which_licence():
    roots = ('mm_robust_seg', 'launch', 'benchmarks', 'examples', 'test')
    files = [path for root in roots for path in (ROOT / root).rglob('*.py')]
    texts = {path: path.read_text() for path in [*files, ROOT / 'setup.py']}
    assert len(texts) > 600
    assert [p for p, text in texts.items() if text.strip() and not text.startswith(HEADING)] == []


def test_modules_are_small():
    heading = len(HEADING.splitlines()) + 1
    lines = {path: len(path.read_text().splitlines()) - heading for path in MODULES}
    assert {path: number for path, number in lines.items() if number >= 300} == {}
    assert statistics.median(lines.values()) <= 95
    assert lines[PACKAGE / 'pipeline.py'] < 130


def _folders(*roots: str) -> list[Path]:
    return sorted({path.parent for root in roots for path in (ROOT / root).rglob('*.py')})


@pytest.mark.parametrize(
    'folder', _folders(*ROOTS), ids=lambda folder: str(folder.relative_to(ROOT))
)
def test_a_folder_is_no_crowd_and_hides_no_other(folder):
    files = sorted(folder.glob('*.py'))
    assert len(files) <= 20
    names = [path.stem.removeprefix('test_') for path in files]
    prefixes = Counter(name.partition('_')[0] for name in names)
    del prefixes['bench']  # what `make bench` runs
    assert {prefix for prefix, number in prefixes.items() if number >= 3} == set()


def test_a_kind_of_sensor_is_named_in_few_places():
    kinds = re.compile(r'Modality\.(?:RGB|THERMAL|DEPTH)\b')
    outside = [path for path in MODULES if PACKAGE / 'modalities' not in path.parents]
    assert sum(len(kinds.findall(path.read_text())) for path in outside) < 15


def test_the_tests_mirror_the_rooms():
    rooms = {path for path in PACKAGE.iterdir() if path.is_dir() and path.name != '__pycache__'}
    assert {room.name for room in rooms} <= {path.name for path in (ROOT / 'test').iterdir()}
    for folder in _folders('test'):
        where = folder.relative_to(ROOT / 'test')
        mirrored = [PACKAGE / where, ROOT / where, PACKAGE / f'{where}.py']
        assert where.parts[:1] == ('support',) or any(map(Path.exists, mirrored)), folder
