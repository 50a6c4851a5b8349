"""``mm-robust-seg node``: the node as a program, without ros2 launch."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from robot import ROOT, values
import yaml

from mm_robust_seg import cli
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import node as module

pytestmark = pytest.mark.ros


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
