# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg node``: the node as a program, without ros2 launch, and what it waits for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from robot import ROOT, values
import yaml

from mm_robust_seg import cli
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import node as module
from mm_robust_seg.ros.node import waiting
from mm_robust_seg.ros.node.node import SegmentationNode

pytestmark = pytest.mark.ros
PERIOD_S, LOOKS = 0.02, 20


def test_files_and_arguments_are_passed_on_in_order(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(module, 'main', lambda *given: calls.append(given) or 0)
    files = [str(tmp_path / name) for name in ('a.yaml', 'b.yaml')]
    for file in files:
        (tmp_path / file).write_text('')
    words = [word for file in files for word in ('--params-file', file)]
    assert cli.main(['node', *words, '--autostart', '--ros-args', '-r', 'a:=b']) == 0
    assert cli.main(['node']) == 0
    assert calls == [
        (['segmentation', '--ros-args', *words, '--ros-args', '-r', 'a:=b'], True),
        (['segmentation', '--ros-args'], False),
    ]


def test_a_parameter_file_that_does_not_exist_is_named(capsys):
    assert cli.main(['node', '--params-file', '/no/such.yaml']) == 2
    assert 'there is no parameter file /no/such.yaml' in capsys.readouterr().err


@pytest.fixture
def run(ros_domain, tiny_bundle, tmp_path):
    """Run the command; it must end well when it is told to."""
    parameters = {'engine': {'bundle': str(tiny_bundle), 'threads': 1}}
    file = tmp_path / 'parameters.yaml'
    file.write_text(yaml.safe_dump({'/**': {'ros__parameters': parameters}}))
    started = []

    def start(*options):
        command = [sys.executable, '-m', 'mm_robust_seg.cli', 'node', '--params-file', str(file)]
        with (tmp_path / 'log').open('w') as log:
            process = subprocess.Popen(
                [*command, *options], cwd=ROOT, env=os.environ, stdout=log, stderr=log
            )
        started.append(process)
        return process, tmp_path / 'log'

    yield start
    for process in started:
        process.terminate()
        assert process.wait(20) == 0, (tmp_path / 'log').read_text()


def test_with_autostart_it_makes_masks_from_remapped_topics(run, robot):
    remap = '-r thermal/image:=/lwir'
    run('--autostart', '--ros-args', *remap.split(), '-p', 'inputs.depth.enabled:=false')
    robot.until(lambda: len(robot.masks) > 2, 60)
    state = values(robot.states[-1])
    assert state['depth'] == 'DISABLED'
    assert state['thermal'] != 'OK', 'its topic is another one'
    assert state[str(Modality.RGB)] == 'OK'


def test_the_home_holds_our_cache_and_the_log_of_ros_alone(run, robot, tmp_path, monkeypatch):
    pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')
    for name in ('XDG_CACHE_HOME', 'ORT_DISABLE_TELEMETRY'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    run('--autostart', '--ros-args', '-p', 'engine.backend:=onnxruntime')
    robot.until(lambda: robot.masks, 60)
    files = [path.relative_to(tmp_path / 'home') for path in (tmp_path / 'home').rglob('*.*')]
    ours = ('.cache/mm_robust_seg', '.ros')
    assert [path for path in files if not str(path).startswith(ours)] == []


def test_without_it_the_log_says_what_it_waits_for(run):
    _, log = run()
    end_s = time.monotonic() + 40
    while 'not configured' not in log.read_text():
        assert time.monotonic() < end_s, log.read_text()
        time.sleep(0.2)
    assert 'waits for "ros2 lifecycle set /segmentation configure"' in log.read_text()


def test_an_autostart_that_fails_says_why_and_the_node_lives_on(run):
    process, log = run('--autostart', '--ros-args', '-p', 'engine.bundle:=/nowhere')
    end_s = time.monotonic() + 40
    while 'not configured: waits' not in log.read_text():
        assert time.monotonic() < end_s, log.read_text()
        time.sleep(0.2)
    assert 'cannot configure' in log.read_text()
    assert process.poll() is None


@pytest.fixture
def node(ros, monkeypatch, tiny_bundle):
    monkeypatch.setattr(waiting, 'PERIOD_S', PERIOD_S)
    values = {'engine.bundle': str(tiny_bundle), 'engine.threads': 1}
    given = [Parameter(name, value=value) for name, value in values.items()]
    made = SegmentationNode(threading.Event(), parameter_overrides=given)
    yield made
    made.close()
    made.destroy_node()


def said(node, capfd):
    """Spin for a while and return what the node says that it waits for."""
    capfd.readouterr()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    end_s = time.monotonic() + LOOKS * PERIOD_S
    while time.monotonic() < end_s:
        executor.spin_once(timeout_sec=PERIOD_S)
    executor.shutdown()
    return re.findall(
        r'not \w+: waits for "ros2 lifecycle set /segmentation \w+', capfd.readouterr().err
    )


def test_it_names_the_next_transition_and_repeats_it_ever_less(node, capfd):
    lines = said(node, capfd)
    assert 2 <= len(lines) <= 5, 'a line at the looks 1, 2, 4, 8 and 16'
    assert set(lines) == {'not configured: waits for "ros2 lifecycle set /segmentation configure'}
    node.trigger_configure()
    lines = said(node, capfd)
    assert set(lines) == {'not active: waits for "ros2 lifecycle set /segmentation activate'}


def test_a_node_that_works_or_is_at_its_end_says_nothing(node, capfd):
    node.trigger_configure()
    node.trigger_activate()
    assert said(node, capfd) == []
    node.trigger_shutdown()
    assert said(node, capfd) == []
