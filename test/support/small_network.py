# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Write the graphs of a small network with all that a real one has: gates, depthwise layers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
from tiny_bundle import (
    TINY_CLASSES,
    TINY_HEIGHT_PX,
    TINY_WIDTH_PX,
    write_manifest,
    write_tiny_bundle,
)

from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import ModalitySet

_WIDTH, _CLASSES = 16, len(TINY_CLASSES)


def write_small_bundle(folder: Path, combinations: tuple[ModalitySet, ...]) -> Path:
    """Write a bundle of stems, depthwise and plain layers, a gated sum, logits and the tail."""
    write_tiny_bundle(folder, combinations)
    for combination in combinations:
        onnx.save(_model(combination), folder / f'{combination}.onnx')
    write_manifest(folder, json.loads((folder / 'manifest.json').read_text())['combinations'])
    return folder


def _model(combination: ModalitySet) -> onnx.ModelProto:
    rng, nodes, weights = np.random.default_rng(0), [], {}

    def layer(name: str, source: str, shape: tuple[int, ...], groups: int = 1) -> str:
        scale = np.sqrt(2 / np.prod(shape[1:]))
        weights[f'{name}.weight'] = (rng.standard_normal(shape) * scale).astype(np.float32)
        weights[f'{name}.bias'] = (0.1 * rng.standard_normal(shape[0])).astype(np.float32)
        inputs = [source, f'{name}.weight', f'{name}.bias']
        pad = shape[-1] // 2
        conv = helper.make_node('Conv', inputs, [name], name, pads=[pad] * 4, group=groups)
        nodes.append(conv)
        return name

    def relu(source: str) -> str:
        nodes.append(helper.make_node('Relu', [source], [f'{source}.relu']))
        return f'{source}.relu'

    features, gates = [], []
    for m in map(str, combination):
        stem = relu(
            layer(f'{m}.stem', m, (_WIDTH, KINDS[_modality(combination, m)].channels, 3, 3))
        )
        deep = relu(layer(f'{m}.depthwise', stem, (_WIDTH, 1, 3, 3), _WIDTH))
        deep = layer(f'{m}.project', deep, (_WIDTH, _WIDTH, 1, 1))
        for number in (1, 2):
            deep = relu(layer(f'{m}.plain{number}', deep, (_WIDTH, _WIDTH, 3, 3)))
        features.append(deep)
        gates.append(layer(f'{m}.gate', deep, (1, _WIDTH, 1, 1)))
    total = features[0]
    if len(features) > 1:
        total = _gated_sum(nodes, features, gates)
    logits = layer('classify', total, (_CLASSES, _WIDTH, 1, 1))
    return _finished(nodes, weights, logits, combination)


def _modality(combination: ModalitySet, name: str):
    return next(m for m in combination if str(m) == name)


def _gated_sum(nodes: list, features: list[str], gates: list[str]) -> str:
    nodes.append(helper.make_node('Concat', gates, ['gates'], axis=1))
    nodes.append(helper.make_node('Softmax', ['gates'], ['shares'], axis=1))
    shares = [f'share{number}' for number in range(len(features))]
    nodes.append(helper.make_node('Split', ['shares'], shares, axis=1))
    for feature, share in zip(features, shares, strict=True):
        nodes.append(helper.make_node('Mul', [feature, share], [f'{share}.part']))
    parts = [f'{share}.part' for share in shares]
    nodes.append(helper.make_node('Sum', parts, ['fused']))
    return 'fused'


def _finished(
    nodes: list, weights: dict[str, np.ndarray], logits: str, combination: ModalitySet
) -> onnx.ModelProto:
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes += [
        node('ArgMax', [logits], ['index'], axis=1, keepdims=0),
        node('Cast', ['index'], ['labels'], to=TensorProto.UINT8),
        node('Softmax', [logits], ['probabilities'], axis=1),
        node('ReduceMax', ['probabilities'], ['best'], axes=[1], keepdims=0),
        node('Mul', ['best', 'full'], ['scaled']),
        node('Cast', ['scaled'], ['confidence'], to=TensorProto.UINT8),
    ]
    size = [TINY_HEIGHT_PX, TINY_WIDTH_PX]
    tensors = weights | {'full': np.array(255, np.float32)}
    graph = helper.make_graph(
        nodes,
        'small',
        [value(str(m), TensorProto.FLOAT, [1, KINDS[m].channels, *size]) for m in combination],
        [value(n, TensorProto.UINT8, [1, *size]) for n in ('labels', 'confidence')],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opset = [helper.make_opsetid('', 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)
