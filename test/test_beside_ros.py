# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What pip installs beside a ROS distribution, and its pytest plug-ins beside our tests."""

from __future__ import annotations

import os
from pathlib import Path
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

from packaging.requirements import Requirement
import pytest

ROOT = Path(__file__).parents[1]
HUMBLE = {'numpy': '1.21.5', 'matplotlib': '3.5.1', 'PyYAML': '5.4.1', 'rich': '11.2'}
"""The versions of Ubuntu 22.04."""


def _listed(name):
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return {r.name: r for r in map(Requirement, (s for s in lines if s and s[0] != '#'))}


def _asked_by_setup():
    text = (ROOT / 'setup.py').read_text()
    block = re.search(r'install_requires=\[(.*?)\]', text, re.DOTALL)[1]
    return {r.name: r for r in map(Requirement, re.findall(r"'([^']+)'", block))}


def test_there_is_one_constraint_on_numpy():
    numpy = _listed('runtime')['numpy'].specifier
    assert _asked_by_setup()['numpy'].specifier == numpy
    depends = ET.parse(ROOT / 'package.xml').getroot().findall('exec_depend')
    [declared] = [d for d in depends if d.text == 'python3-numpy']
    assert f'>={declared.get("version_gte")},<{declared.get("version_lt")}' in (
        str(numpy),
        ','.join(reversed(str(numpy).split(','))),
    )
    assert HUMBLE['numpy'] in numpy


@pytest.mark.parametrize(
    'path',
    ['README.md', 'docs/jetson.md', '.github/workflows/ros.yml', 'requirements/install.sh'],
)
def test_beside_ros_pip_is_held_to_the_numpy_that_is_there(path):
    text = (ROOT / path).read_text()
    parts = [text] if not path.endswith('.md') else re.findall(r'```bash\n(.*?)```', text, re.S)
    installing = [p for p in parts if re.search(r'rosdep install|pip3? install|-m pip', p)]
    beside_ros = [p for p in installing if '/opt/ros/' in p or not path.endswith('.md')]
    assert beside_ros
    for part in beside_ros:
        held = re.search(r'PIP_CONSTRAINT=|--constraint ', part)
        assert 'import numpy; print("numpy==" + numpy.__version__)' in part and held


def test_a_robot_needs_one_runtime_that_fits_every_numpy():
    """ONNX Runtime of 1.17 and later asks for a NumPy newer than that of Ubuntu 22.04."""
    assert _listed('runtime').keys() == _asked_by_setup().keys() - {'setuptools'}
    assert 'onnxruntime' not in _listed('runtime')
    depends = {d.text for d in ET.parse(ROOT / 'package.xml').getroot().findall('exec_depend')}
    assert 'python3-onnxruntime-pip' not in depends


@pytest.mark.parametrize('name', ['numpy', 'matplotlib', 'PyYAML'])
def test_what_ubuntu_22_04_has_is_enough(name):
    assert HUMBLE[name] in _listed('runtime')[name].specifier


def test_what_tests_import_is_declared_for_them():
    text = (ROOT / 'setup.py').read_text()
    block = re.search(r"'test': \[(.*?)\]", text, re.DOTALL)[1]
    known = {**_listed('test'), **_listed('train')}
    for name in ('pytest', 'hypothesis', 'setuptools', 'onnx', 'safetensors'):
        assert str(known[name]).replace(' ', '') in [
            str(Requirement(item)).replace(' ', '') for item in re.findall(r"'([^']+)'", block)
        ]


INSTALL = """#!/bin/sh
case "$*" in
  *version_info*) echo 3.10;;
  *numpy*) echo numpy==1.21.5;;
  *"-m venv"*) ;;
  *"onnxruntime.txt"*) echo "no solution" >&2; exit {onnxruntime};;
  *"runtime.txt"*) exit {runtime};;
esac
"""


@pytest.mark.parametrize(
    ('onnxruntime', 'runtime', 'distro', 'code'),
    [(0, 0, 'humble', 0), (1, 0, 'humble', 0), (1, 0, '', 1), (0, 1, 'humble', 1)],
)
def test_only_onnx_runtime_beside_ros_may_be_missing(tmp_path, onnxruntime, runtime, distro, code):
    """A stand-in for Python says which list of requirements has a solution."""
    python = tmp_path / 'venv' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.write_text(INSTALL.format(onnxruntime=onnxruntime, runtime=runtime))
    python.chmod(0o755)
    lists = ['runtime', 'onnxruntime', 'test']
    done = subprocess.run(
        [ROOT / 'requirements' / 'install.sh', tmp_path / 'venv', *lists],
        env={**os.environ, 'PYTHON': str(python), 'ROS_DISTRO': distro},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == bool(code), done.stderr
    is_left_out = onnxruntime and distro
    assert ('No ONNX Runtime fits numpy==1.21.5' in done.stdout) == bool(is_left_out)


HOOK = """
def pytest_pycollect_makemodule(path, parent):
    return None
"""


@pytest.mark.parametrize('name', ['launch_testing', 'launch_ros', 'launch_pytest'])
def test_the_plug_ins_of_ros_do_not_stop_our_tests(tmp_path, name):
    """Those of Humble declare an argument that pytest 9 has not."""
    (tmp_path / f'stand_in_for_{name}.py').write_text(HOOK)
    info = tmp_path / f'{name}-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n')
    (info / 'entry_points.txt').write_text(f'[pytest11]\n{name} = stand_in_for_{name}\n')
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '--collect-only', str(Path(__file__))],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
