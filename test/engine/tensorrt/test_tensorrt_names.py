# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every name of TensorRT that we touch exists in each TensorRT that we say we serve.

tensorrt_names.json holds, by version and class, those of our names that NVIDIA's own bindings of
that version have. After a new name comes into use, look it up in all four and add it there.
"""

import ast
import json
from pathlib import Path

import pytest

from mm_robust_seg.engine import tensorrt

TABLE = json.loads(Path(__file__).with_name('tensorrt_names.json').read_text())
FOLDER = Path(tensorrt.__file__).parent
MODULE = 'tensorrt'

OBJECTS = {
    'engine.py': {
        'runtime': 'Runtime',
        'engine': 'ICudaEngine',
        '_engine': 'ICudaEngine',
        '_context': 'IExecutionContext',
    },
    'log.py': {},
    'plan_builder.py': {
        'builder': 'Builder',
        'network': 'INetworkDefinition',
        'config': 'IBuilderConfig',
        'parser': 'OnnxParser',
        'e': 'ParserError',
        'timings': 'ITimingCache',
        'tensor': 'ITensor',
        'layer': 'ILayer',
        'cast': 'ILayer',
        'given': 'ITensor',
        'made': 'ITensor',
    },
}
"""What our variables are, by file."""

SUBCLASSES = {'_Monitor': 'IProgressMonitor', 'TensorRtLog': 'ILogger'}
OUR_OWN = {'__init__', '_tell', 'error', 'start'}


def names_in(file):
    """Yield (class or module, member) of everything of TensorRT in a file."""
    for node in ast.walk(ast.parse((FOLDER / file).read_text())):
        if isinstance(node, ast.ClassDef) and node.name in SUBCLASSES:
            functions = {f.name for f in node.body if isinstance(f, ast.FunctionDef)}
            yield from ((SUBCLASSES[node.name], name) for name in functions - OUR_OWN)
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value
        if isinstance(owner, ast.Attribute) and named(owner.value) == 'trt':
            yield owner.attr, node.attr
        elif named(owner) == 'trt':
            yield MODULE, node.attr
        elif named(owner) in OBJECTS[file]:
            yield OBJECTS[file][named(owner)], node.attr


def named(node):
    return getattr(node, 'id', getattr(node, 'attr', None))


FOUND = {name for file in OBJECTS for name in names_in(file)}
USED = sorted(name for name in FOUND if name[1] not in ('__init__', '__version__'))


def test_the_walk_finds_what_we_use():
    assert ('IExecutionContext', 'execute_async_v3') in USED
    assert ('BuilderFlag', 'TF32') in USED
    assert ('IProgressMonitor', 'step_complete') in USED
    assert len(USED) > 40


def test_no_other_module_touches_tensorrt():
    importing = {p.name for p in FOLDER.glob('*.py') if 'import tensorrt as trt' in p.read_text()}
    assert importing == set(OBJECTS)


@pytest.mark.parametrize('version', TABLE)
def test_every_name_exists(version):
    missing = [name for name in USED if name[1] not in TABLE[version].get(name[0], ())]
    assert not missing, f'not in the table for TensorRT {version}: {missing}'


def test_the_table_lists_four_versions_and_nothing_else_than_what_is_used():
    assert list(TABLE) == ['10.3.0', '10.13.3', '10.16.1', '11.4.0']
    for table in TABLE.values():
        assert {(owner, name) for owner, names in table.items() for name in names} <= set(USED)
