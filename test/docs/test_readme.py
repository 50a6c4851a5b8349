# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The README: it shows how to begin, and its table is what was measured."""

from pathlib import Path
import re

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.modality import all_combinations

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / 'README.md').read_text(encoding='utf-8')


def test_the_readme_shows_how_to_begin():
    assert len(re.findall(r'^mm-robust-seg ', TEXT, re.MULTILINE)) >= 5
    assert {'demo', 'test'} <= set(re.findall(r'^make ([a-z]+)', TEXT, re.MULTILINE))
    assert len(re.findall(r'\]\([^)]+\)', TEXT)) > 5


def test_the_results_are_those_of_the_bundles():
    scores = [load_bundle(ROOT / 'models' / name).scores for name in ('sim', 'mm5', 'nyuv2')]
    rows = re.findall(r'^\| ((?:RGB|thermal|depth)[^|]*) \| ([-\d.*| ]+) \|', TEXT, re.MULTILINE)
    found = {name: re.findall(r'[\d.]+|-', row)[:6] for name, row in rows}
    assert len(found) == len(all_combinations())
    for combination in all_combinations():
        name = str(combination).replace('rgb', 'RGB').replace('+', ' + ')
        expected = [
            f'{100 * one[str(combination)][kind]:.1f}' if str(combination) in one else '-'
            for one in scores
            for kind in ('unadapted', 'adapted')
        ]
        assert found[name] == expected
