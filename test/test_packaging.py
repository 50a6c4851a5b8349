# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is shipped beside the code: parameters, profiles, displays, launch files, metadata."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

from interface import parameter_file
import pytest
import yaml

import mm_robust_seg
from mm_robust_seg import cli
from mm_robust_seg.config import Config
from mm_robust_seg.schema import flatten, with_values

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'config'
LAUNCH = sorted((ROOT / 'launch').glob('*.launch.py'))


def test_the_parameter_file_holds_every_parameter_with_its_default():
    values = parameter_file()
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
    assert root.findtext('author') == root.findtext('maintainer')
    assert root.findtext('url').startswith('https://')
    assert root.findtext('export/build_type') == 'ament_python'


def test_there_is_one_version():
    """It stands in the package; setup.py reads it there, and what cannot must agree."""
    version = mm_robust_seg.__version__
    assert ET.parse(ROOT / 'package.xml').getroot().findtext('version') == version
    assert str(yaml.safe_load((ROOT / 'CITATION.cff').read_text())['version']) == version
    assert _setup('--version').stdout.strip() == version


def test_all_modules_and_the_mark_of_types_are_installed(tmp_path):
    _setup('build_py', '--build-lib', str(tmp_path))
    kinds = ('*.py', 'py.typed')
    found, expected = (
        {path.relative_to(root) for kind in kinds for path in root.rglob(kind)}
        for root in (tmp_path / 'mm_robust_seg', ROOT / 'mm_robust_seg')
    )
    assert Path('py.typed') in found
    assert found == expected


def _setup(*words):
    command = [sys.executable, '-W', 'ignore', 'setup.py', '--quiet', *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)


def test_there_is_one_maintainer_and_one_licence():
    root = ET.parse(ROOT / 'package.xml').getroot()
    address = root.find('maintainer').get('email')
    assert f"maintainer_email='{address}'" in (ROOT / 'setup.py').read_text()
    assert address in (ROOT / 'SECURITY.md').read_text()
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['license'] == root.findtext('license')
    assert citation['authors'] == [{'name': root.findtext('maintainer')}]


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


def test_the_launch_files_are_there():
    names = [path.name.removesuffix('.launch.py') for path in LAUNCH]
    assert names == ['demo', 'replay', 'robust_seg']


def _launch_arguments(path):
    """Return {argument: description}, from the source of a launch file."""
    tree = ast.parse(path.read_text())
    [table] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'ARGUMENTS'
    ]
    pairs = zip(table.keys, table.values, strict=True)
    return {key.value: value.elts[1].value for key, value in pairs}


def test_the_launch_arguments_are_the_documented_ones():
    """docs/ros.md has one table of arguments, a row for each; more would mislead."""
    text = (ROOT / 'docs' / 'ros.md').read_text()
    for path in LAUNCH:
        section = text.partition(f'### `{path.name}`')[2].partition('\n#')[0]
        documented = re.findall(r'^\| `(\w+)` \|', section, re.MULTILINE)
        required = ['bag'] if path.name == 'replay.launch.py' else []
        assert documented == [*required, *_launch_arguments(path)]
    assert all(text for path in LAUNCH for text in _launch_arguments(path).values())


PROGRAMS = re.findall(r"'([\w-]+) = ([\w.]+):(\w+)'", (ROOT / 'setup.py').read_text())


@pytest.mark.parametrize(('program', 'module', 'function'), PROGRAMS, ids=[p[0] for p in PROGRAMS])
def test_every_program_that_is_installed_has_a_help(program, module, function):
    if program in ('segmentation', 'rig'):
        pytest.importorskip('rclpy', reason='rclpy is not installed')
    code = (
        f'import sys; from {module} import {function}; '
        f'sys.argv = [{program!r}, "--help"]; sys.exit({function}())'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith('usage: ')


def test_the_launch_files_start_programs_that_are_installed():
    installed = set(re.findall(r"'([\w-]+) = mm_robust_seg", (ROOT / 'setup.py').read_text()))
    started = {
        found
        for path in LAUNCH
        for found in re.findall(r"executable='([\w-]+)'", path.read_text())
    }
    assert {'segmentation', 'rig'} <= started <= installed | {'rviz2'}
    modules = {
        found
        for path in LAUNCH
        for found in re.findall(r"'-m', 'mm_robust_seg.(\w+)', '(\S+)'", path.read_text())
    }
    assert modules == {('cli', 'break-bag')}
    assert 'break-bag' in cli.COMMANDS


def test_what_the_launch_files_import_and_run_is_a_dependency():
    root = ET.parse(ROOT / 'package.xml').getroot()
    declared = {element.text for element in root if element.tag.endswith('depend')}
    nodes = [node for path in LAUNCH for node in ast.walk(ast.parse(path.read_text()))]
    modules = {n.module.partition('.')[0] for n in nodes if isinstance(n, ast.ImportFrom)}
    needed = {name for name in modules if name not in sys.stdlib_module_names}
    assert {'launch', 'launch_ros', 'ament_index_python'} <= needed <= declared
    assert {'ros2bag', 'rosbag2_storage_mcap'} <= declared
    assert {'python3-pytest', 'python3-hypothesis'} <= declared


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
    assert {argument.name for argument in arguments} >= set(_launch_arguments(path))
