# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A sample of what ``make bench-hostile`` gives to the commands; times are its own affair."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[2]


def test_hostile_files_end_in_one_sentence_and_nothing_else(tmp_path):
    pytest.importorskip('onnx', reason='needs onnx')
    pytest.importorskip('mm_robust_seg.engine.openvino', reason='OpenVINO is not installed')
    pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')
    words = ['-m', 'benchmarks.bench_hostile', '--count', '18', '--seed', '1', '--out', tmp_path]
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    cases = json.loads((tmp_path / 'hostile.json').read_text())['cases']
    assert len(cases) == 18, done.stderr
    assert {case['kind'] for case in cases} == {'bundle', 'bag', 'recipe', 'scenario'}
    for case in cases:
        said = case['said'].strip()
        assert case['code'] == 2 and said.startswith('mm-robust-seg: '), case
        assert said.count('mm-robust-seg: ') == 1 and 'Traceback' not in said, case
