# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The reader of ONNX files takes any bytes, and finds what the package onnx wrote."""

from contextlib import suppress

import pytest

pytest.importorskip('onnx', reason='needs onnx')

from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, TensorProto

from mm_robust_seg.onnx_wire import read_onnx


def model(shapes, graph=None) -> bytes:
    inputs = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items()
    ]
    nodes = [helper.make_node('If', ['c'], ['y'], then_branch=graph)] if graph else []
    return helper.make_model(helper.make_graph(nodes, 'g', inputs, [])).SerializeToString()


names = st.text('abcdefg', min_size=1, max_size=9)
sizes = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=5)


@given(st.dictionaries(names, sizes, max_size=4))
def test_shapes_are_those_that_were_written(shapes):
    assert read_onnx(model(shapes)).inputs == {n: tuple(s) for n, s in shapes.items()}


def test_an_open_dimension_is_minus_1():
    assert read_onnx(model({'x': [1, 'height', None]})).inputs == {'x': (1, -1, -1)}


def test_inputs_of_inner_graphs_are_not_those_of_the_file():
    value = helper.make_tensor_value_info('inner', TensorProto.FLOAT, [7])
    inner = helper.make_graph([], 'inner', [value], [])
    assert read_onnx(model({'x': [3]}, inner)).inputs == {'x': (3,)}


def test_graphs_within_graphs_have_an_end():
    graph = helper.make_graph([], 'g', [], [])
    for _ in range(25):
        node = helper.make_node('If', ['c'], ['y'], then_branch=graph)
        graph = helper.make_graph([node], 'g', [], [])
    with pytest.raises(ValueError, match='nested more than 64 deep'):
        read_onnx(model({}, graph))


@given(st.binary(max_size=200))
def test_any_bytes_end_in_facts_or_in_a_value_error(data):
    with suppress(ValueError):
        read_onnx(data)


@given(st.data())
def test_a_damaged_file_ends_in_facts_or_in_a_value_error(data):
    content = bytearray(model({'rgb': [1, 3, 48, 64]}))
    for _ in range(3):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ValueError):
        read_onnx(bytes(content))
