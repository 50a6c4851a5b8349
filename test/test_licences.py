# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is shipped, and under which terms."""

from __future__ import annotations

from email.parser import Parser
import json
import os
from pathlib import Path
import subprocess
import sys
import xml.etree.ElementTree as ET
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
TERMS = {
    path.parent.name: json.loads(path.read_text())['licence']
    for path in sorted((ROOT / 'models').glob('*/manifest.json'))
}


def _wheel(folder, wanted=None):
    """Build a wheel; return its metadata, the files of each bundle, and its licence files."""
    words = ['egg_info', '--egg-base', folder, 'build', '--build-base', folder / 'build']
    words += ['bdist_wheel', '--bdist-dir', folder / 'all', '--dist-dir', folder]
    command = [sys.executable, '-W', 'ignore', 'setup.py', '--quiet', *map(str, words)]
    given = {n: v for n, v in os.environ.items() if n != 'MM_ROBUST_SEG_BUNDLES'}
    given |= {} if wanted is None else {'MM_ROBUST_SEG_BUNDLES': wanted}
    done = subprocess.run(
        command, cwd=ROOT, env=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return done.stderr
    [path] = folder.glob('*.whl')
    with ZipFile(path) as wheel:
        names = wheel.namelist()
        [metadata] = [name for name in names if name.endswith('/METADATA')]
        parts = [name.partition('/share/mm_robust_seg/models/')[2].split('/') for name in names]
        bundles = {found[0] for found in parts if len(found) > 1}
        licences = {name.partition('.dist-info/licenses/')[2] for name in names} - {''}
        return Parser().parsestr(wheel.read(metadata).decode()), bundles, licences


def test_a_wheel_says_the_terms_of_every_bundle_in_it(tmp_path):
    metadata, bundles, licences = _wheel(tmp_path)
    assert bundles == set(TERMS)
    assert metadata['License'].startswith('Apache-2.0; ')
    for name, terms in TERMS.items():
        assert f'bundle {name}: {terms}' in metadata['License']
    assert licences == {'LICENSE', 'models/README.md'}


@pytest.mark.parametrize(('wanted', 'left'), [('sim', {'sim'}), ('', set())])
def test_one_variable_leaves_out_what_is_not_for_commercial_use(tmp_path, wanted, left):
    metadata, bundles, _ = _wheel(tmp_path, wanted)
    assert bundles == left
    assert 'NC' not in metadata['License'] and 'academic' not in metadata['License']


def test_a_bundle_that_does_not_exist_is_refused(tmp_path):
    assert _wheel(tmp_path, 'sim,mm6').startswith('MM_ROBUST_SEG_BUNDLES is sim,mm6: expected ')


def test_the_cards_and_the_readme_say_the_terms_of_every_bundle():
    cards = (ROOT / 'models' / 'README.md').read_text()
    table = cards.partition('## Terms\n')[2].partition('\n## ')[0]
    licence = (ROOT / 'README.md').read_text().partition('## Licence\n')[2]
    for name, terms in TERMS.items():
        [row] = [line for line in table.splitlines() if f'`{name}`' in line]
        assert terms.partition(' (')[0].partition(';')[0] in row
        assert f'models/{name}`' in licence or terms.startswith('Apache-2.0')


def test_package_xml_names_the_licences_and_their_files():
    licences = ET.parse(ROOT / 'package.xml').getroot().findall('license')
    assert [item.text for item in licences] == ['Apache-2.0', 'CC-BY-NC-4.0']
    assert all((ROOT / item.get('file')).is_file() for item in licences)
