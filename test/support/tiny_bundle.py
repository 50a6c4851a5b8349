# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Write a complete, tiny model bundle: one random 1x1 convolution per sensor."""

from __future__ import annotations

import json
from pathlib import Path
import struct

import numpy as np
import pytest

from mm_robust_seg.bundle import Bundle, SegmentationClass
from mm_robust_seg.bundle_files import sha256
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet

TINY_HEIGHT_PX, TINY_WIDTH_PX = 48, 64
TINY_CLASSES = {
    'road': (128, 64, 128),
    'grass': (60, 140, 60),
    'person': (220, 20, 60),
    'car': (0, 0, 142),
    'sky': (70, 130, 180),
}


TINY_INPUTS = {
    'height_px': TINY_HEIGHT_PX,
    'width_px': TINY_WIDTH_PX,
    'rgb_mean': 110.0,
    'rgb_std': 60.0,
    'thermal_mean_k': 293.0,
    'thermal_std_k': 10.0,
    'thermal_detail_k': 5.0,
    'depth_mean_m': 8.0,
    'depth_std_m': 6.0,
    'depth_near_m': 2.0,
    'depth_max_m': 20.0,
}


def random_inputs(combination: ModalitySet, seed: int = 0):
    """Make one (1, C_m, h, w) float32 image per modality, as the tiny graphs take it."""
    rng = np.random.default_rng(seed)
    size = TINY_HEIGHT_PX, TINY_WIDTH_PX
    return {
        m: rng.standard_normal((1, KINDS[m].channels, *size)).astype(np.float32)
        for m in combination
    }


def write_tiny_bundle(folder: Path, combinations=None, classes=TINY_CLASSES) -> Path:
    (folder / 'adapters').mkdir(parents=True)
    rng = np.random.default_rng(0)
    weights = {
        str(m): rng.standard_normal((len(classes), KINDS[m].channels, 1, 1)).astype(np.float32)
        for m in Modality
    }
    offsets = write_safetensors(folder / 'base.safetensors', weights)
    entries = {}
    for number, combination in enumerate(combinations or all_combinations()):
        graph, adapter = f'{combination}.onnx', f'adapters/{combination}.safetensors'
        bias = np.roll(np.linspace(-0.3, 0.3, len(classes)), number).astype(np.float32)
        write_graph(folder / graph, combination, weights, offsets, bias)
        if combination != COMPLETE:
            write_safetensors(folder / adapter, {'bias': bias})
        entries[str(combination)] = {
            'graph': graph,
            'adapter': None if combination == COMPLETE else adapter,
        }
    write_manifest(folder, entries, classes)
    return folder


def write_manifest(folder: Path, entries: dict, classes=TINY_CLASSES) -> None:
    files = [p for p in folder.rglob('*') if p.is_file() and p.name != 'manifest.json']
    manifest = {
        'schema': 1,
        'name': 'tiny',
        'description': 'One random 1x1 convolution per sensor.',
        'licence': 'Apache-2.0',
        'classes': [{'name': n, 'color': c} for n, c in classes.items()],
        'inputs': TINY_INPUTS,
        'units': {'rgb': 'grey level', 'thermal': 'kelvin', 'depth': 'metre'},
        'base': 'base.safetensors',
        'combinations': entries,
        'provenance': {'data': 'random', 'seed': 0},
        'scores': {},
        'sha256': {p.relative_to(folder).as_posix(): sha256(p) for p in files},
    }
    (folder / 'manifest.json').write_text(json.dumps(manifest))


def bundle_of(graphs, **changes) -> Bundle:
    """Make a bundle of these graphs, whatever is in the files, as an engine is given one."""
    folder = next(iter(graphs.values()), Path()).parent
    values = {
        'path': folder,
        'name': 'tiny',
        'description': '',
        'licence': '',
        'classes': tuple(SegmentationClass(n, c) for n, c in TINY_CLASSES.items()),
        'inputs': InputSpec.parse(TINY_INPUTS),
        'base': folder / 'base.safetensors',
        'graphs': graphs,
        'adapters': {},
        'provenance': {},
        'scores': {},
        'checksums': {},
        'precision': 'f32',
        'golden': {},
        'shared_graph': None,
        'manifest': {},
    }
    return Bundle(**{**values, **changes})


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> dict[str, int]:
    """Write float32 tensors; return the offset of each in the file, in bytes."""
    header, data, places = {}, b'', {}
    for name, array in tensors.items():
        end = len(data) + array.nbytes
        header[name] = {
            'dtype': 'F32',
            'shape': list(array.shape),
            'data_offsets': [len(data), end],
        }
        places[name] = len(data)
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 64)
    path.write_bytes(struct.pack('<Q', len(text)) + text + data)
    return {name: 8 + len(text) + place for name, place in places.items()}


def write_graph(
    path: Path,
    combination: ModalitySet,
    weights: dict[str, np.ndarray],
    offsets: dict[str, int],
    bias: np.ndarray,
) -> None:
    """Write softmax(sum of convolutions + bias); the weights stay in base.safetensors."""
    onnx = pytest.importorskip('onnx', reason='the tiny bundle is written with onnx')
    from onnx import helper, numpy_helper, TensorProto

    names = [str(m) for m in combination]
    size = [TINY_HEIGHT_PX, TINY_WIDTH_PX]
    node = helper.make_node
    nodes = [node('Conv', [n, f'weight.{n}'], [f'logits.{n}']) for n in names]
    nodes += [
        node('Sum', ['bias', *(f'logits.{n}' for n in names)], ['logits']),
        node('ArgMax', ['logits'], ['index'], axis=1, keepdims=0),
        node('Cast', ['index'], ['labels'], to=TensorProto.UINT8),
        node('Softmax', ['logits'], ['probabilities'], axis=1),
        node('ReduceMax', ['probabilities', 'axes'], ['best'], keepdims=0),
        node('Mul', ['best', 'full'], ['scaled']),
        node('Cast', ['scaled'], ['confidence'], to=TensorProto.UINT8),
    ]
    constants = {
        'bias': bias.reshape(1, -1, 1, 1),
        'axes': np.array([1], np.int64),
        'full': np.array(255, np.float32),
    }
    inputs = {n: [1, weights[n].shape[1], *size] for n in names}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        'tiny',
        [value(n, TensorProto.FLOAT, shape) for n, shape in inputs.items()],
        [value(n, TensorProto.UINT8, [1, *size]) for n in ('labels', 'confidence')],
        [numpy_helper.from_array(array, name) for name, array in constants.items()]
        + [_external(f'weight.{n}', weights[n], offsets[n]) for n in names],
    )
    opset = [helper.make_opsetid('', 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def _external(name: str, array: np.ndarray, offset: int):
    from onnx import TensorProto

    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=array.shape)
    tensor.data_location = TensorProto.EXTERNAL
    place = {'location': 'base.safetensors', 'offset': offset, 'length': array.nbytes}
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor
