"""The README: its commands are valid, its files exist, its table is what was measured."""

from pathlib import Path
import re
import shlex

import pytest

from mm_robust_seg import cli
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.modality import all_combinations

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / 'README.md').read_text(encoding='utf-8')
BLOCKS = '\n'.join(re.findall(r'```bash\n(.*?)```', TEXT, re.DOTALL)).replace('\\\n', ' ')
LINES = [part.strip() for line in BLOCKS.splitlines() for part in line.split('&&')]
COMMANDS = [line for line in LINES if line.startswith('mm-robust-seg ')]


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_is_accepted(command):
    words = shlex.split(command, comments=True)[1:]
    assert cli._parser(words[0]).parse_args(words)
    for word in words:
        if word.startswith('config/'):
            assert (ROOT / word).is_file()


def test_every_make_target_exists():
    targets = set(re.findall(r'^([a-z]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    named = set(re.findall(r'(?:^|`)make ([a-z]+)', TEXT, re.MULTILINE))
    assert {'demo', 'test'} <= named <= targets


def test_every_link_and_picture_is_there():
    links = [link for link in re.findall(r'\]\(([^)]+)\)', TEXT) if '://' not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_results_are_those_of_the_bundles():
    scores = [load_bundle(ROOT / 'models' / name).scores for name in ('sim', 'mm5', 'nyuv2')]
    rows = re.findall(r'^\| ((?:RGB|thermal|depth)[^|]*) \| ([-\d.*| ]+) \|', TEXT, re.MULTILINE)
    found = {name: re.findall(r'[\d.]+|-', row)[:6] for name, row in rows}
    assert len(found) == len(all_combinations())
    for combination in all_combinations():
        name = str(combination).replace('rgb', 'RGB').replace('+', ' + ')
        expected = [
            f'{one[str(combination)][kind]:.1f}' if str(combination) in one else '-'
            for one in scores
            for kind in ('unadapted', 'adapted')
        ]
        assert found[name] == expected
