# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""CONTRIBUTING.md: the house as it stands, room by room and floor by floor."""

from configparser import ConfigParser
import re

from interface import ROOT

TEXT = (ROOT / 'CONTRIBUTING.md').read_text()


def _rows(title: str) -> list[list[str]]:
    """Return the cells of the first table under a heading."""
    section = TEXT.partition(f'\n## {title}\n')[2].partition('\n## ')[0]
    rows = [line.strip('| ').split(' | ') for line in section.splitlines() if line[:1] == '|']
    return rows[2:]  # below the head and its rule


def test_every_room_has_its_line_in_the_order_of_the_floors():
    contracts = ConfigParser()
    contracts.read(ROOT / '.importlinter')
    floors = contracts['importlinter:contract:layers']['layers'].strip().splitlines()
    floor_of = {room: n for n, line in enumerate(floors) for room in line.split(' | ')}
    told = re.findall(r'`(\w+)(\.py|/)`', '\n'.join(cells[0] for cells in _rows('The house')))
    rooms = [name for name, _ in told]
    assert sorted(rooms) == sorted(floor_of)
    assert [floor_of[name] for name in rooms] == sorted(floor_of.values())
    assert all((ROOT / 'mm_robust_seg' / f'{name}{kind}').exists() for name, kind in told)


def test_every_word_is_explained_once():
    words = [word for cells in _rows('Words') for word in cells[0].split(', ')]
    assert len(words) == len(set(words)) > 30


def test_there_is_a_checklist_for_each_kind_of_addition():
    section = TEXT.partition('\n## Add ...\n')[2].partition('\n## ')[0]
    kinds = re.findall(r'^### an? (.+)$', section, re.MULTILINE)
    assert kinds == [
        'stage',
        'health check',
        'kind of sensor',
        'method',
        'data set',
        'engine',
        'command',
    ]


def test_short_paths_of_the_checklists_exist():
    """Paths in back quotes may leave ``mm_robust_seg/`` out."""
    for path in re.findall(r'`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`', TEXT):
        found = [*ROOT.glob(path), *ROOT.glob(f'mm_robust_seg/**/{path}')]
        found += ROOT.glob(f'test/**/{path}')
        assert bool(found) != (path == 'utils.py'), path


def test_decisions_have_numbers_of_their_own():
    notes = sorted((ROOT / 'docs' / 'decisions').iterdir())
    titles = [re.match(r'# (\d+)\. \S', note.read_text()) for note in notes]
    assert [int(title[1]) for title in titles] == list(range(1, len(notes) + 1))
    assert [note.name[:4] for note in notes] == [f'{n:04d}' for n in range(1, len(notes) + 1)]
