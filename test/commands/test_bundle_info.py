# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""bundle-info: what it prints, and that it verifies."""

from __future__ import annotations

import json
from pathlib import Path
import shutil

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.cli import main


def with_facts(bundle: Path, folder: Path) -> Path:
    """Copy the bundle and add what training would have written."""
    shutil.copytree(bundle, folder)
    manifest = json.loads((folder / 'manifest.json').read_text())
    manifest['scores'] = {'rgb': {'unadapted': 0.1234, 'adapted': 0.5678}}
    manifest['provenance'] = {'parameters': 1000, 'adapter_parameters': {'rgb': 7}}
    (folder / 'manifest.json').write_text(json.dumps(manifest))
    return folder


def test_the_page_shows_classes_sizes_shares_and_scores(tiny_bundle, tmp_path, capsys):
    assert main(['bundle-info', str(with_facts(tiny_bundle, tmp_path / 'b'))]) == 0
    page = capsys.readouterr().out
    for text in ('person', 'rgb+thermal+depth', 'files verified', '0.70%', '12.3', '56.8'):
        assert text in page


def test_json_has_the_same_facts(tiny_bundle, tmp_path, capsys):
    folder = with_facts(tiny_bundle, tmp_path / 'b')
    assert main(['bundle-info', str(folder), '--json']) == 0
    facts = json.loads(capsys.readouterr().out)
    bundle = load_bundle(folder)
    assert [c['name'] for c in facts['classes']] == [c.name for c in bundle.classes]
    assert facts['combinations']['rgb']['adapter_share'] == 0.007
    assert facts['combinations']['rgb+thermal+depth']['adapter_bytes'] is None
    sizes = {str(c): path.stat().st_size for c, path in bundle.graphs.items()}
    assert {c: e['graph_bytes'] for c, e in facts['combinations'].items()} == sizes


def test_an_altered_file_is_refused(tiny_bundle, tmp_path, capsys):
    folder = with_facts(tiny_bundle, tmp_path / 'b')
    with (folder / 'base.safetensors').open('ab') as stream:
        stream.write(b'!')
    assert main(['bundle-info', str(folder)]) == 2
    assert 'was altered' in capsys.readouterr().err
