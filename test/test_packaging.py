"""What is shipped beside the code: parameters, profiles, displays, launch files, metadata."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
import re
import xml.etree.ElementTree as ET

import pytest
import yaml

import mm_robust_seg
from mm_robust_seg.config import Config
from mm_robust_seg.schema import flatten, with_values

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'config'
LAUNCH = sorted((ROOT / 'launch').glob('*.launch.py'))


def _flat(tree, prefix=''):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def test_the_parameter_file_holds_every_parameter_with_its_default():
    tree = yaml.safe_load((CONFIG / 'robust_seg.yaml').read_text())
    values = dict(_flat(tree['/**']['ros__parameters']))
    assert values.pop('use_sim_time') is False
    assert values == {name: value for name, value, _ in flatten(Config())}
    assert with_values(Config(), values) == Config()


def test_the_parameter_file_documents_every_parameter():
    lines = (CONFIG / 'robust_seg.yaml').read_text().splitlines()
    leaves = [i for i, line in enumerate(lines) if re.match(r'\s+\w+: \S', line)]
    specs = [None, *(spec for _, _, spec in flatten(Config()))]
    assert len(leaves) == len(specs)
    for index, spec in zip(leaves[1:], specs[1:], strict=True):
        comment = _comment_above(lines, index)
        assert comment.startswith(spec.doc), lines[index]
        assert comment.endswith('fixed]') == (not spec.live), lines[index]
        assert all(choice in comment for choice in spec.choices)
        for limit in (spec.minimum, spec.maximum):
            assert limit is None or f'{limit:g}' in comment


def _comment_above(lines, index):
    comment = []
    while lines[index - 1].lstrip().startswith('#'):
        index -= 1
        comment.insert(0, lines[index].lstrip().lstrip('# '))
    return ' '.join(comment)


def test_rviz_shows_the_topics_of_the_node_with_displays_that_exist():
    known = {'Image', 'Camera', 'PointCloud2', 'DepthCloud', 'TF', 'Grid'}
    tree = yaml.safe_load((CONFIG / 'robust_seg.rviz').read_text())
    displays = tree['Visualization Manager']['Displays']
    assert {d['Class'] for d in displays} <= {f'rviz_default_plugins/{name}' for name in known}
    topics = {d['Topic']['Value']: d['Topic'] for d in displays if 'Topic' in d}
    for topic, reliability in (
        ('/segmentation/overlay', 'Reliable'),
        ('/segmentation/color_mask', 'Reliable'),
        ('/segmentation/thermal_view', 'Reliable'),
        ('/rgb/image', 'Best Effort'),
        ('/depth/image', 'Best Effort'),
    ):
        assert topics[topic]['Reliability Policy'] == reliability


def test_the_fast_dds_profile_gives_images_room():
    root = ET.parse(CONFIG / 'fastdds_profile.xml').getroot()
    text = {element.tag.rpartition('}')[2]: element.text for element in root.iter()}
    assert int(text['segment_size']) == 32 * 2**20
    assert text['useBuiltinTransports'] == 'false'
    assert {e.text for e in root.iter() if e.tag.endswith('}type')} == {'SHM', 'UDPv4'}


def test_package_xml_agrees_with_the_package():
    root = ET.parse(ROOT / 'package.xml').getroot()
    assert root.get('format') == '3'
    assert root.findtext('name') == 'mm_robust_seg'
    assert root.findtext('version') == mm_robust_seg.__version__
    assert root.findtext('export/build_type') == 'ament_python'
    setup = (ROOT / 'setup.py').read_text()
    assert f"version='{mm_robust_seg.__version__}'" in setup


def test_every_ros_message_package_in_the_code_is_a_dependency():
    root = ET.parse(ROOT / 'package.xml').getroot()
    declared = {element.text for element in root if element.tag.endswith('depend')}
    imported = set()
    for path in (ROOT / 'mm_robust_seg').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                imported.add(node.module.partition('.')[0])
    messages = {name for name in imported if name.endswith(('_msgs', '_srvs', '_interfaces'))}
    assert messages, 'the search found nothing'
    assert messages | {'rclpy'} <= declared


@pytest.mark.parametrize('path', LAUNCH, ids=lambda path: path.name)
def test_launch_files_compile(path):
    tree = ast.parse(path.read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert 'generate_launch_description' in functions


@pytest.mark.parametrize('path', LAUNCH, ids=lambda path: path.name)
def test_launch_files_describe_their_arguments(path, monkeypatch):
    pytest.importorskip('launch_ros', reason='launch_ros is not installed')
    packages = pytest.importorskip('ament_index_python.packages')
    monkeypatch.setattr(packages, 'get_package_share_directory', lambda name: str(ROOT))
    spec = importlib.util.spec_from_file_location('launched', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    arguments = module.generate_launch_description().get_launch_arguments()
    assert all(argument.description for argument in arguments)
    if path.name == 'robust_seg.launch.py':
        assert {argument.name for argument in arguments} == set(module.ARGUMENTS)
