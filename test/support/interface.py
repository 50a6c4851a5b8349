# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node's topics and services as its source names them, for checks that need no ROS."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
import re

import yaml

from mm_robust_seg.modality import Modality

ROOT = Path(__file__).parents[2]
NODE = '/segmentation'
SOURCES = sorted((ROOT / 'mm_robust_seg' / 'ros').rglob('*.py'))
INPUTS = {f'/{m}/{name}' for m in Modality for name in ('image', 'camera_info')}
PARAMETER_SERVICES = {
    f'{NODE}/{name}'
    for name in (
        'describe_parameters',
        'get_parameter_types',
        'get_parameters',
        'list_parameters',
        'set_parameters',
        'set_parameters_atomically',
    )
}
LIFECYCLE_SERVICES = {
    f'{NODE}/{name}'
    for name in (
        'change_state',
        'get_available_states',
        'get_available_transitions',
        'get_state',
        'get_transition_graph',
    )
}


def node_source(module: str) -> str:
    """Return the source of one of the node's modules."""
    [path] = [path for path in SOURCES if path.parent.name == 'node' and path.stem == module]
    return path.read_text()


def outputs() -> dict[str, str]:
    """Return {topic: name of its profile in qos.py}, from the calls that create publishers."""
    return {
        _absolute(topic): words[0]
        for call in _calls()
        for topic in _texts(call)
        if topic.startswith(('~/', '/diagnostics')) and (words := _profiles(call))
    }


def services() -> set[str]:
    """Return the services that the node itself offers."""
    return {
        _absolute(text)
        for call in _calls()
        if ast.unparse(call.func).endswith('create_service')
        for text in _texts(call)
        if text.startswith('~/') and text != '~/start'  # that one is the rig's
    }


def reliability(profile: str) -> str:
    """Return RELIABLE or BEST_EFFORT, as the node's qos.py says."""
    text = node_source('qos')
    found = re.search(rf'^{profile} = .*?ReliabilityPolicy\.(\w+)', text, re.DOTALL | re.MULTILINE)
    assert found, f'no profile {profile} in qos.py'
    return found[1]


def parameter_file(name: str = 'robust_seg.yaml') -> dict:
    """Return a parameter file as {dotted name: value}."""
    tree = yaml.safe_load((ROOT / 'config' / name).read_text())
    return dict(_flat(tree['/**']['ros__parameters']))


def _flat(tree: dict, prefix: str = '') -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def _calls() -> Iterator[ast.Call]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield node


def _texts(call: ast.Call) -> list[str]:
    return [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]


def _profiles(call: ast.Call) -> list[str]:
    found = [re.fullmatch(r'qos\.([A-Z]+)', ast.unparse(argument)) for argument in call.args]
    return [match[1] for match in found if match]


def _absolute(topic: str) -> str:
    return topic.replace('~', NODE, 1) if topic.startswith('~') else topic
