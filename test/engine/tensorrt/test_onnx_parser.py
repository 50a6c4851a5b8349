# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""NVIDIA's own ONNX parser and builder take every graph, in every precision, without a GPU.

Set ``MM_ROBUST_SEG_TRT_GATE`` to a program that is called with ONNX files and ``--build`` and
prints one JSON line for each: ``parse`` and ``build`` true or false, ``errors`` and ``log`` texts.
"""

import json
import os
from pathlib import Path
import subprocess

import pytest

pytest.importorskip('onnx', reason='needs onnx')
pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from small_network import write_small_bundle

from mm_robust_seg.bundle import load_bundle, PRECISIONS
from mm_robust_seg.bundling.precision import simplified, to_fp16, to_int8
from mm_robust_seg.modality import all_combinations

GATE = os.environ.get('MM_ROBUST_SEG_TRT_GATE', '')
MODELS = Path(__file__).parents[3] / 'models'
NAMES = sorted(path.parent.name for path in MODELS.glob('*/manifest.json'))

needs_gate = pytest.mark.skipif(
    not GATE, reason='MM_ROBUST_SEG_TRT_GATE does not name the parser and builder of NVIDIA'
)


def verdicts(paths):
    """Parse and build; return what was said of each file, by name."""
    done = subprocess.run(
        [GATE, *map(str, paths), '--build'], capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')]
    assert len(lines) == len(paths), done.stderr
    return {line['file']: line for line in lines}


def written(bundle, precision, folder):
    """Return the graphs of a float32 bundle in ``precision``, made of noise where calibrated."""
    if precision == 'f32':
        return list(bundle.graphs.values())
    paths = []
    for combination, path in bundle.graphs.items():
        model = simplified(path, folder)
        if precision == 'fp16':
            model = to_fp16(model)
        else:
            model = to_int8(model, [noise(model)], 'minmax', folder)
        paths.append(folder / f'{combination}.{precision}.onnx')
        onnx.save(model, paths[-1])
    return paths


def noise(model):
    rng = np.random.default_rng(0)
    ports = {
        p.name: [d.dim_value for d in p.type.tensor_type.shape.dim] for p in model.graph.input
    }
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in ports.items()}


@needs_gate
@pytest.mark.parametrize('precision', PRECISIONS)
def test_every_graph_of_a_small_network_is_compiled(precision, tmp_path):
    folder = write_small_bundle(tmp_path / 'small', all_combinations())
    check(written(load_bundle(folder), precision, tmp_path))


@needs_gate
@pytest.mark.slow
@pytest.mark.parametrize('precision', PRECISIONS)
@pytest.mark.parametrize('name', NAMES)
def test_every_shipped_graph_is_compiled(name, precision, tmp_path):
    check(written(load_bundle(MODELS / name), precision, tmp_path))


@needs_gate
def test_what_tensorrt_does_not_take_is_refused(tmp_path):
    """ONNX Runtime's usual int8 file, biases in 32 bit and activations unsigned, is refused."""
    folder = write_small_bundle(tmp_path / 'small', all_combinations()[-1:])
    (graph,) = load_bundle(folder).graphs.values()
    model = simplified(graph, tmp_path)
    usual = tmp_path / 'usual.onnx'
    quantize_static(graph, usual, Once(noise(model)), quant_format=QuantFormat.QDQ)
    assert not verdicts([usual])['usual.onnx']['parse']


class Once(CalibrationDataReader):
    def __init__(self, inputs):
        self.rest = [inputs]

    def get_next(self):
        return self.rest.pop() if self.rest else None


def check(paths):
    assert paths
    for name, verdict in verdicts(paths).items():
        assert verdict['parse'] and verdict['build'], (name, verdict['errors'], verdict['log'])
