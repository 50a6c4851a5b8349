# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Installed packages, made in a folder that is put on the path: a module and its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import re
import shlex

PAGE = (Path(__file__).parents[2] / 'docs' / 'extending.md').read_text(encoding='utf-8')
TITLES = re.findall('^## (.+)$', PAGE, re.MULTILINE)
"""Of the chapters of docs/extending.md, each with a package."""


def install(folder: Path, name: str, module: str, text: str, entries: dict[str, dict]) -> Path:
    """Write a package as an installer would leave it in ``folder``.

    Args:
        entries: by entry point group, what each name stands for.
    """
    folder.mkdir(exist_ok=True)
    (folder / f'{module}.py').write_text(text)
    info = folder / f'{name.replace("-", "_")}-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n')
    lines = []
    for group, values in entries.items():
        lines += [f'[{group}]', *(f'{key} = {value}' for key, value in values.items())]
    (info / 'entry_points.txt').write_text('\n'.join(lines))
    return folder


@dataclass(frozen=True)
class Section:
    """One chapter of docs/extending.md: its package, and the command that uses it."""

    toml: str
    python: str
    command: list[str]

    @classmethod
    def of(cls, title: str):
        text = PAGE.split(f'## {title}\n')[1].split('\n## ')[0]
        blocks = dict(re.findall(r'^```(\w+)\n(.*?)^```', text, re.DOTALL | re.MULTILINE))
        words = shlex.split(blocks['bash'].replace('\\\n', ' '))
        assert words[0] == 'mm-robust-seg'
        return cls(blocks['toml'], blocks['python'], words[1:])

    def install(self, folder: Path) -> Path:
        name = re.search(r'^name = "(.+)"$', self.toml, re.MULTILINE)[1]
        group = re.search(r'^\[project\.entry-points\."(.+)"\]$', self.toml, re.MULTILINE)[1]
        entries = re.findall(r'^(\w+) = "(\w+:\w+)"$', self.toml, re.MULTILINE)
        module = re.match(r'# (\w+)\.py', self.python)[1]
        return install(folder, name, module, self.python, {group: dict(entries)})
