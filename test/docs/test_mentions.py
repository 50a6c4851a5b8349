# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What texts name is there: links, files, modules, commands, targets; in pages and in the code."""

from __future__ import annotations

import argparse
from functools import lru_cache
from pathlib import Path
import re
import shlex

from interface import parameter_file, ROOT
from packages import Section, TITLES
import pytest

from mm_robust_seg import cli

PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md'), *ROOT.glob('models/*.md')])
TEXTS = [
    *PAGES,
    *(path for folder in ('config', 'launch') for path in ROOT.glob(f'{folder}/**/*.*')),
    *(ROOT / name for name in ('CHANGELOG.rst', 'Makefile', '.importlinter', 'package.xml')),
    *ROOT.glob('.github/**/*.*'),
    *ROOT.glob('mm_robust_seg/**/*.py'),
    *ROOT.glob('benchmarks/**/*.py'),
]
ROOMS = 'mm_robust_seg|test|benchmarks|config|docs|launch|models|requirements|examples'
PATH = re.compile(rf'(?<![\w/.$~}}-])(?:{ROOMS})/[\w./*+-]*[\w*]')
MODULE = re.compile(r'(?<![\w/.])mm_robust_seg(?:\.[a-z_]\w*)+')
MODULES = '|'.join(
    sorted(p.stem for p in (ROOT / 'mm_robust_seg').glob('[a-z]*') if p.suffix in ('', '.py'))
)
NAME = re.compile(rf'``((?:{MODULES})(?:\.(?!json|png)\w+)+)``')
GROUPS = ('engines', 'datasets', 'methods', 'networks', 'checks')
"""Of entry points, ``mm_robust_seg.<group>``: names, not modules."""


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize('text', TEXTS, ids=_id)
def test_every_path_and_module_that_is_named_exists(text):
    found = text.read_text().replace('mm_robust_seg/engines in the cache', '')
    missing = [path for path in PATH.findall(found) if not any(ROOT.glob(path.rstrip('.')))]
    short = set(NAME.findall(found)) - set(parameter_file())
    names = [*MODULE.findall(found), *(f'mm_robust_seg.{name}' for name in short)]
    missing += [name for name in names if not _is_there(name)]
    assert missing == []


def _is_there(name: str) -> bool:
    """Tell whether ``name`` is a module, or stands in one: ``mm_robust_seg.cli.main``."""
    folder, *parts = name.split('.')
    path = ROOT / folder
    while parts and (path / parts[0]).is_dir():
        path /= parts.pop(0)
    module = path / f'{parts[0]}.py' if parts else path
    if module.exists():
        return not parts[1:] or parts[-1] in module.read_text()
    door = (path / '__init__.py').read_text()
    return parts[0] in (GROUPS if folder == path.name else re.findall(r'\w+', door))


@pytest.mark.parametrize('page', PAGES, ids=_id)
def test_every_link_leads_somewhere(page):
    prose = re.sub(r'^ *```.*?^ *```', '', page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = [link for link in re.findall(r'\]\(([^)#]+)[^)]*\)', prose) if '://' not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@lru_cache
def _parser(command: str) -> argparse.ArgumentParser:
    return cli._parser(command)


def _commands(page: Path) -> list[str]:
    """Return the commands in a page: its shell blocks line by line, and what is in back quotes."""
    text = page.read_text()
    blocks = re.findall(r'```bash\n(.*?)```', text, re.DOTALL)
    lines = '\n'.join(blocks).replace('\\\n', ' ').splitlines()
    return [part.strip() for line in lines for part in line.split('&&')]


@pytest.mark.parametrize('page', PAGES, ids=_id)
def test_every_command_is_accepted(page, tmp_path, monkeypatch):
    parser = _parser
    if page.name == 'extending.md':
        for title in TITLES:
            Section.of(title).install(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        parser = cli._parser
    for command in _commands(page):
        words = shlex.split(command, comments=True)
        if words[:1] == ['mm-robust-seg']:
            assert parser(words[1]).parse_args(words[1:]), command
            assert all((ROOT / word).is_file() for word in words if word.startswith('config/'))


@pytest.mark.parametrize('page', PAGES, ids=_id)
def test_every_command_and_target_that_is_named_exists(page):
    text = page.read_text()
    named = set(re.findall(r'\bmm-robust-seg ([a-z][a-z-]*)', text))
    assert named <= set(cli.COMMANDS)
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    assert set(re.findall(r'(?:^|`)make ([a-z][a-z-]*)', text, re.MULTILINE)) <= targets
