# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The pages about ROS: topics, parameters and commands exist, and all outputs are explained."""

from __future__ import annotations

from pathlib import Path
import re
import shlex

from interface import (
    INPUTS,
    LIFECYCLE_SERVICES,
    NODE,
    outputs,
    parameter_file,
    PARAMETER_SERVICES,
    ROOT,
    services,
)
import pytest
import yaml

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.modality import Modality

ROS_PAGES = [ROOT / 'docs' / f'{name}.md' for name in ('ros', 'sros2', 'jetson')]
PARAMETERS = set(parameter_file())
GROUPS = {name.partition('.')[0] for name in PARAMETERS if '.' in name}
NAMES = {*outputs(), *services(), *LIFECYCLE_SERVICES, *PARAMETER_SERVICES, *INPUTS}


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _prose(path: Path) -> str:
    return re.sub(r'^ *```.*?^ *```', '', path.read_text(), flags=re.DOTALL | re.MULTILINE)


def _code(path: Path) -> list[str]:
    """Return what stands in back quotes in the running text."""
    return re.findall(r'`([^`\n]+)`', _prose(path))


def _commands(path: Path) -> list[list[str]]:
    blocks = re.findall(r'```bash\n(.*?)```', path.read_text(), re.DOTALL)
    lines = '\n'.join(blocks).replace('\\\n', ' ').splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


@pytest.mark.parametrize('page', ROS_PAGES, ids=_id)
def test_every_parameter_that_is_named_exists(page):
    for text in _code(page):
        name = text.partition(':')[0].strip()
        if re.fullmatch(r'[a-z_]+(\.[a-z_<>]+)+', name) and name.partition('.')[0] in GROUPS:
            for modality in Modality if '<sensor>' in name else [Modality.RGB]:
                assert name.replace('<sensor>', modality.value) in PARAMETERS, text


@pytest.mark.parametrize('page', ROS_PAGES, ids=_id)
def test_every_topic_and_service_that_is_named_exists(page):
    for text in _code(page):
        if text.startswith('~/'):
            assert text.replace('~', NODE, 1) in NAMES, text
        elif re.fullmatch(r'(rgb|thermal|depth)/\w+', text):
            assert f'/{text}' in NAMES, text


def test_every_output_and_service_is_explained():
    told = set(_code(ROOT / 'docs' / 'ros.md'))
    names = {*outputs(), *services()}
    assert {name.replace(NODE, '~', 1) for name in names} <= told
    assert {f'{m}/image' for m in Modality} <= told


@pytest.mark.parametrize('page', ROS_PAGES, ids=_id)
def test_every_command_of_ros_exists(page):
    launched = {path.name for path in (ROOT / 'launch').iterdir()}
    installed = re.findall(r"'([\w-]+) = mm_robust_seg", (ROOT / 'setup.py').read_text())
    for words in _commands(page):
        if words[:3] == ['ros2', 'launch', 'mm_robust_seg']:
            assert words[3] in launched
            source = (ROOT / 'launch' / words[3]).read_text()
            assert all(f"'{w.split(':=')[0]}'" in source for w in words[4:] if ':=' in w)
        elif words[:3] == ['ros2', 'run', 'mm_robust_seg']:
            assert words[3] in installed


def test_the_parameters_of_the_example_are_valid():
    for words in _commands(ROOT / 'docs' / 'ros.md'):
        if words[:3] == ['ros2', 'param', 'set']:
            assert words[3] == NODE
            assert words[4] in PARAMETERS


def test_the_nav2_example_names_topics_and_classes_that_exist():
    [block] = re.findall(r'```yaml\n(.*?)```', (ROOT / 'docs' / 'ros.md').read_text(), re.DOTALL)
    costmap = yaml.safe_load(block)['local_costmap']['local_costmap']['ros__parameters']
    camera = costmap['semantic_layer']['camera']
    for kind in ('segmentation_topic', 'confidence_topic', 'labels_topic'):
        assert camera[kind] in outputs()
    known = {item.name for item in load_bundle(ROOT / 'models' / 'sim').classes}
    listed = [name for kind in camera['class_types'] for name in camera[kind]['classes']]
    assert sorted(listed) == sorted(known), 'the layer logs an error for each that is left out'
