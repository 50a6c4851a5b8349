# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What packages add: found by name, imported only then, and never in place of something else."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

from bag_making import write_bag
from packages import install
import pytest

from mm_robust_seg import plugins
from mm_robust_seg.build import build_engine, find_engine
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.errors import ConfigError, PluginError
from mm_robust_seg.schema import with_values

ROOT = Path(__file__).parents[1]
SEAMS = [plugins.ENGINES, plugins.DATASETS, plugins.METHODS, plugins.NETWORKS, plugins.CHECKS]
TRAP = "raise RuntimeError('imported unasked')"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install packages of one module each, ``package(name, group, entry, text)``."""

    def package(name: str, seam: plugins.Seam, entry: str, text: str = TRAP) -> str:
        module = f'{name}_{tmp_path.name}'.replace('-', '_')
        entries = {seam.group: {entry: f'{module}:thing'}}
        monkeypatch.syspath_prepend(install(tmp_path / name, name, module, text, entries))
        return module

    return package


@pytest.mark.parametrize('seam', SEAMS, ids=lambda seam: seam.group)
def test_a_package_is_found_by_its_name_and_not_imported_before(installed, seam):
    module = installed('mine', seam, 'gizmo', 'thing = "made"')
    assert 'gizmo' in seam.names
    assert module not in sys.modules
    assert seam.find('gizmo', ['ours']) == 'made'


def test_the_groups_are_those_of_the_page():
    text = (ROOT / 'docs' / 'extending.md').read_text()
    assert all(f'`{seam.group}`' in text for seam in SEAMS)


def test_an_unknown_name_is_told_what_there_is_and_where_others_are_looked_up(installed):
    installed('mine', plugins.ENGINES, 'gizmo')
    with pytest.raises(PluginError) as caught:
        plugins.ENGINES.find('gadget', ['ours'])
    assert str(caught.value) == (
        "there is no engine 'gadget': expected one of ours, or a plug-in of "
        'mm_robust_seg.engines (gizmo)'
    )


def test_what_is_built_in_needs_no_package_and_none_is_imported(installed):
    installed('mine', plugins.ENGINES, 'gizmo')
    assert plugins.ENGINES.find('ours', ['ours']) is None


@pytest.mark.parametrize('built_in', [['gizmo'], []], ids=['with ours', 'with each other'])
def test_a_name_that_is_taken_twice_names_both_packages(installed, built_in):
    installed('mine', plugins.CHECKS, 'gizmo')
    other = 'mm_robust_seg' if built_in else 'yours'
    if not built_in:
        installed('yours', plugins.CHECKS, 'gizmo')
    with pytest.raises(PluginError, match="'gizmo' comes from") as caught:
        plugins.CHECKS.find('gizmo', built_in)
    assert 'mine' in str(caught.value) and other in str(caught.value)


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('import not_there_at_all', "No module named 'not_there_at_all'"),
        ('thing = 1 / 0', 'ZeroDivisionError'),
        ('thing =', 'SyntaxError'),
        ('other = 1', "has no attribute 'thing'"),
    ],
)
def test_a_package_that_cannot_be_imported_is_one_sentence(installed, text, reason):
    module = installed('broken', plugins.ENGINES, 'gizmo', text)
    with pytest.raises(PluginError) as caught:
        plugins.ENGINES.find('gizmo', [])
    message = str(caught.value)
    assert f"engine 'gizmo' of package broken ({module}:thing) cannot be imported" in message
    assert reason in message
    assert '\n' not in message


def test_the_configuration_takes_names_that_are_installed_and_no_others(installed):
    installed('mine', plugins.ENGINES, 'gizmo')
    assert with_values(Config(), {'engine.backend': 'gizmo'}).engine.backend == 'gizmo'
    with pytest.raises(ConfigError, match=r"'gadget': .*openvino.* of mm_robust_seg\.engines"):
        with_values(Config(), {'engine.backend': 'gadget'})


def test_auto_never_takes_an_engine_of_a_package(installed, tiny_bundle):
    installed('mine', plugins.ENGINES, 'gizmo')
    notes = []
    build_engine(EngineConfig(threads=1), load_bundle(tiny_bundle), note=notes.append).close()
    assert not any('gizmo' in note for note in notes)


def test_an_engine_with_a_name_of_ours_is_refused(installed):
    installed('mine', plugins.ENGINES, 'openvino')
    with pytest.raises(PluginError, match="'openvino' comes from mm_robust_seg and from mine"):
        find_engine('openvino')


def test_a_data_set_with_a_name_of_ours_is_refused(installed):
    installed('mine', plugins.DATASETS, 'sim')
    with pytest.raises(PluginError, match="'sim' comes from mm_robust_seg and from mine"):
        load_split('sim', Path(), 'val', count=1)


@pytest.fixture
def trapped(tmp_path):
    """Variables of a process in whose environment a package raises wherever it is imported."""
    entries = {seam.group: {'trap': 'trap:thing'} for seam in SEAMS}
    folder = install(tmp_path / 'packages', 'all-traps', 'trap', TRAP, entries)
    return {**os.environ, 'PYTHONPATH': os.pathsep.join([str(folder), str(ROOT)])}


def test_a_broken_package_spoils_a_replay_only_where_it_is_asked_for(
    trapped, tiny_bundle, tmp_path
):
    bag = str(write_bag(tmp_path / 'bag', count=4))

    def replay(*options):
        words = ['replay', bag, '--bundle', str(tiny_bundle), '--out', str(tmp_path / 'out')]
        command = [sys.executable, '-m', 'mm_robust_seg.cli', *words, *options]
        return subprocess.run(command, env=trapped, capture_output=True, text=True, check=False)

    assert replay('--backend', 'onnxruntime').returncode == 0
    asked = replay('--backend', 'trap')
    assert asked.returncode == 2
    [said] = asked.stderr.strip().splitlines()
    assert said.startswith("mm-robust-seg: engine 'trap' of package all-traps (trap:thing) cannot")
    missing = replay('--backend', 'onnxruntime', '--set', 'monitor.extra_checks=blurr')
    assert missing.returncode == 2
    assert "no health check 'blurr'" in missing.stderr


STARTED = """
import sys, threading
import rclpy
from mm_robust_seg.ros.node.node import SegmentationNode
rclpy.init()
node = SegmentationNode(threading.Event())
told = node.describe_parameter('engine.backend').additional_constraints
node.destroy_node()
rclpy.shutdown()
print(told)
print('trap' in sys.modules)
"""


@pytest.mark.ros
def test_the_node_names_plugins_and_imports_none(trapped):
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    done = subprocess.run(
        [sys.executable, '-c', STARTED], env=trapped, capture_output=True, text=True, check=True
    )
    told, imported = done.stdout.splitlines()[-2:]
    assert 'or a plug-in of mm_robust_seg.engines (trap)' in told
    assert imported == 'False'
