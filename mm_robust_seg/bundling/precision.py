# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Turn a float32 graph into one of another precision: fp16, or int8 with explicit Q/DQ nodes.

Both state every type in the file, so that TensorRT can build them strongly typed, and keep the
ports of the original: float32 images in, uint8 labels and confidence out.

The int8 form is the one that ONNX Runtime, OpenVINO and TensorRT all take: signed symmetric
activations, one scale per output channel of a weight, float biases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
import io
import logging
from pathlib import Path
import warnings

import numpy as np
from numpy.typing import NDArray
import onnx
import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    quantize_static,
    QuantType,
)
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

Inputs = Mapping[str, NDArray[np.float32]]
"""One set of graph inputs, (1, C, h, w) by name."""

CALIBRATIONS: Mapping[str, CalibrationMethod] = {
    'minmax': CalibrationMethod.MinMax,
    'percentile': CalibrationMethod.Percentile,
    'entropy': CalibrationMethod.Entropy,
}
_WEIGHTED = ('Conv', 'MatMul', 'Gemm')
_FIRST_LAYERS = 3
_ERRORS_ONLY = 3


def simplified(path: Path, folder: Path) -> onnx.ModelProto:
    """Return the graph in ``path``, self-contained, norms folded and constants computed.

    Args:
        folder: for temporary files.
    """
    whole, simple = folder / 'whole.onnx', folder / 'simple.onnx'
    onnx.save(onnx.load(path), whole)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(simple)
    options.log_severity_level = _ERRORS_ONLY
    ort.InferenceSession(whole, options, providers=['CPUExecutionProvider'])
    model = onnx.load(simple)
    for number, node in enumerate(model.graph.node):
        node.name = f'{node.name or node.op_type}#{number}'
    return model


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with fp16 weights and activations.

    Softmax, and what turns logits into labels and confidence, stay float32: exponentials and
    sums of them lose too much, and the labels of neighbouring logits would flip.
    """
    delicate = [n.name for n in model.graph.node if n.op_type == 'Softmax'] + tail(model)
    with _quiet():
        converted: onnx.ModelProto = convert_float_to_float16(
            model, keep_io_types=True, op_block_list=[], node_block_list=delicate
        )
    _mend(converted)
    return converted


def _mend(model: onnx.ModelProto) -> None:
    """Put right what the converter leaves: casts made twice, out of order, or oddly named."""
    # OpenVINO drops the cast of an image and calls the port by the first of its two names.
    names = {f'graph_input_cast_{n}': f'{p.name}.fp16' for n, p in enumerate(model.graph.input)}
    made: dict[str, onnx.NodeProto] = {}
    for node in model.graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(name, name) for name in tensors]
        made.setdefault(node.output[0], node)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in made.values()]
    del model.graph.value_info[:]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    OnnxModel(model).topological_sort()


def to_int8(
    model: onnx.ModelProto,
    inputs: Iterable[Inputs],
    calibration: str,
    folder: Path,
) -> onnx.ModelProto:
    """Return ``model`` with Q/DQ nodes around its convolutions and matrix products.

    Args:
        inputs: preprocessed images, from which the range of every activation is taken.
        calibration: one of ``CALIBRATIONS``: how.
        folder: for temporary files.
    """
    float_path, int8_path = folder / 'float.onnx', folder / 'int8.onnx'
    onnx.save(model, float_path)
    with _quiet():
        quantize_static(
            float_path,
            int8_path,
            _Reader(inputs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*_WEIGHTED, 'Add'],
            nodes_to_exclude=[*sensitive(model), *tail(model)],
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CALIBRATIONS[calibration],
            calibration_providers=['CPUExecutionProvider'],
            extra_options={
                'ActivationSymmetric': True,
                'WeightSymmetric': True,
                'QuantizeBias': False,
                'MatMulConstBOnly': True,
                'OpTypesToExcludeOutputQuantization': [*_WEIGHTED, 'Add'],
            },
        )
    return onnx.load(int8_path)


def tail(model: onnx.ModelProto) -> list[str]:
    """Return the nodes after the last weights: from logits to labels and confidence.

    What comes from the images alone, which pixels are valid, is exact in any precision.
    """
    layers = _layers(model)
    nodes = _before(model, [port.name for port in model.graph.output])
    return [name for name in nodes if layers.get(name, 1)]


def sensitive(model: onnx.ModelProto) -> list[str]:
    """Return the nodes that stay float32 in int8: near the images, depthwise ones, gates.

    A depthwise convolution has nine weights a channel and nothing to average their rounding;
    these are a few percent of the arithmetic. What is lost in the first layers is lost in all,
    and a gate is one channel under an exponential.
    """
    last = {*tail(model)}
    softmax = [n for n in model.graph.node if n.op_type == 'Softmax' and n.name not in last]
    ahead = {*_before(model, [name for n in softmax for name in n.input])}
    fed = {x for n in model.graph.node if n in softmax or n.name in ahead for x in n.input}
    layers = _layers(model)
    return [
        n.name
        for n in model.graph.node
        if n.op_type in _WEIGHTED
        and (layers[n.name] <= _FIRST_LAYERS or fed & {*n.output} or _groups(n) > 1)
    ]


def _layers(model: onnx.ModelProto) -> dict[str, int]:
    """Count for each node the layers with weights from an image up to it, on the shortest way.

    What comes from an image without any, as its validity does, is no way where there is another.
    """
    distance = {port.name: 0 for port in model.graph.input}
    layers = {}
    for node in model.graph.node:
        ways = [distance[name] for name in node.input if name in distance]
        if ways:
            layers[node.name] = min(filter(None, ways), default=0) + (node.op_type in _WEIGHTED)
            distance.update(dict.fromkeys(node.output, layers[node.name]))
    return layers


def _groups(convolution: onnx.NodeProto) -> int:
    return next((int(a.i) for a in convolution.attribute if a.name == 'group'), 1)


def _before(model: onnx.ModelProto, tensors: Iterable[str]) -> list[str]:
    """Return the nodes that lead to ``tensors``, back to the last ones with weights."""
    makers = {name: node for node in model.graph.node for name in node.output}
    pending, found = list(tensors), dict[str, None]()
    while pending:
        node = makers.get(pending.pop())
        if node is not None and node.op_type not in _WEIGHTED and node.name not in found:
            found[node.name] = None
            pending.extend(node.input)
    return list(found)


class _Reader(CalibrationDataReader):
    """Hands prepared inputs to the calibration."""

    def __init__(self, inputs: Iterable[Inputs]) -> None:
        self._rest = iter(inputs)

    def get_next(self) -> Inputs | None:
        """Return the next inputs, or None at the end."""
        return next(self._rest, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the converters print, log and warn about files that are as they should be."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(logging.NOTSET)
