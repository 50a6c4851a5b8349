# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What an ONNX file refers to and takes, read without a runtime.

The few fields that matter are walked in the protobuf itself, so that a file is judged before a
runtime allocates or opens anything for it, and without the package ``onnx``. Numbers of fields
are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_GRAPH, _ATTRIBUTE, _NODE, _SPARSE, _TENSOR = 'graph', 'attribute', 'node', 'sparse', 'tensor'
_ENTRY = 'entry'
_FIELDS: Mapping[str, Mapping[int, str]] = {
    'model': {7: _GRAPH, 20: 'training', 25: 'function'},
    'training': {1: _GRAPH, 2: _GRAPH},
    'function': {7: _NODE, 11: _ATTRIBUTE},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: _ENTRY},
}
_GRAPH_INPUT, _GRAPH_OUTPUT, _OPERATOR = 11, 12, 4
FLOAT, UINT8 = 1, 2
"""Types of elements, as the format numbers them."""
_DEEPEST, _MOST_NODES, _MOST_FIELDS = 64, 20_000, 1_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


@dataclass(frozen=True)
class OnnxFacts:
    """What a graph needs from outside.

    Attributes:
        external: the locations of all tensors that lie in other files, as they are written.
        inputs, outputs: shape of every one of the main graph, by name; -1 is an open dimension.
        types: type of the elements of every input and output of the main graph, by name; 0 where
            there is none.
        operators: the types of all nodes.
    """

    external: frozenset[str]
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    types: Mapping[str, int]
    operators: frozenset[str]


def read_onnx(data: bytes) -> OnnxFacts:
    """Walk the tensors and inputs of a serialised ``ModelProto``.

    Raises:
        ValueError: if it is no such message, nested too deeply, or has more nodes than any
            network that runs on a robot.
    """
    external: set[str] = set()
    operators: set[str] = set()
    nodes, fields = 0, 0
    inputs: dict[str, tuple[int, ...]] = {}
    outputs: dict[str, tuple[int, ...]] = {}
    types: dict[str, int] = {}
    pending = [('model', memoryview(data), 0)]
    while pending:
        kind, message, depth = pending.pop()
        if depth > _DEEPEST:
            raise ValueError(f'its graphs are nested more than {_DEEPEST} deep')
        if kind == _ENTRY:
            external.update(_locations(message))
            continue
        inner = _FIELDS[kind]
        nodes += kind == _NODE
        if nodes > _MOST_NODES:
            raise ValueError(f'it has more than {_MOST_NODES} nodes')
        for number, value in _fields(message):
            fields += 1
            if fields > _MOST_FIELDS:
                raise ValueError(f'it has more than {_MOST_FIELDS} fields')
            if isinstance(value, int):
                continue
            if kind == _NODE and number == _OPERATOR:
                operators.add(bytes(value).decode(errors='replace'))
            if number in inner:
                pending.append((inner[number], value, depth + 1))
            elif number in (_GRAPH_INPUT, _GRAPH_OUTPUT) and kind == _GRAPH and depth == 1:
                name, shape, types[name] = _port(value)
                (inputs if number == _GRAPH_INPUT else outputs)[name] = shape
    return OnnxFacts(frozenset(external), inputs, outputs, types, frozenset(operators))


def _locations(entry: memoryview) -> list[str]:
    """Return the values of a ``StringStringEntryProto`` whose key is ``location``."""
    texts: dict[int, list[str]] = {1: [], 2: []}
    for number, value in _fields(entry):
        if number in texts and not isinstance(value, int):
            texts[number].append(str(value, 'utf-8'))
    return texts[2] if 'location' in texts[1] else []


def _port(info: memoryview) -> tuple[str, tuple[int, ...], int]:
    """Return name, shape and type of a ``ValueInfoProto``."""
    name = ''.join(str(text, 'utf-8') for text in _messages(info, 1))
    tensors = [tensor for kind in _messages(info, 2) for tensor in _messages(kind, 1)]
    shapes = [shape for tensor in tensors for shape in _messages(tensor, 2)]
    dimensions = [dimension for shape in shapes for dimension in _messages(shape, 1)]
    types = [v for tensor in tensors for n, v in _fields(tensor) if n == 1 and isinstance(v, int)]
    sizes = ([v for n, v in _fields(d) if n == 1 and isinstance(v, int)] for d in dimensions)
    return name, tuple(given[-1] if given else -1 for given in sizes), types[-1] if types else 0


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field: a number, or the bytes of anything longer."""
    place, end = 0, len(message)
    while place < end:
        tag, place = _varint(message, place)
        kind, size = tag & 7, 0
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, place = _varint(message, place)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError('it is damaged')
        if size > end - place:
            raise ValueError('it is cut short')
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(_LONGEST_VARINT):
        if place >= len(message):
            raise ValueError('it is cut short')
        byte = message[place]
        value |= (byte & 0x7F) << 7 * shift
        place += 1
        if byte < 0x80:
            return value, place
    raise ValueError('it is damaged')
