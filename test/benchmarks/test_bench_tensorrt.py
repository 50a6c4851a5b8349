# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The benchmark that users run on their GPU."""

from pathlib import Path
import runpy
import sys

import pytest

pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

from fake_tensorrt import machine

BENCHMARK = Path(__file__).parents[2] / 'benchmarks' / 'bench_tensorrt.py'


def run(monkeypatch, bundle, plans):
    given = [str(BENCHMARK), str(bundle), '--plans', str(plans), '--rounds', '1']
    monkeypatch.setattr(sys, 'argv', given)
    runpy.run_path(str(BENCHMARK), run_name='__main__')


def test_it_prints_a_table_to_paste(tiny_bundle, tmp_path, monkeypatch, capsys):
    with machine() as (gpu, _):
        run(monkeypatch, tiny_bundle, tmp_path)
        assert gpu.leaks == {'memory': 0, 'objects': 0, 'stack': []}
    shown = capsys.readouterr().out
    assert '- TensorRT 10.13.3.9 on Fake GPU (8.7), f32, CUDA graphs' in shown
    assert '7 engines built' in shown
    rows = [line.split(' | ') for line in shown.splitlines() if line.startswith('| ')]
    assert len(rows) == 1 + 7
    assert {len(row) for row in rows} == {10}
    assert [row[8] for row in rows[1:]] == ['100.00 %'] * 7
    assert rows[1][3] == '1.00'


def test_without_a_gpu_it_says_so_and_ends_well(tiny_bundle, tmp_path, monkeypatch, capsys):
    run(monkeypatch, tiny_bundle, tmp_path)
    assert 'TensorRT was not measured: there is no NVIDIA driver' in capsys.readouterr().out
