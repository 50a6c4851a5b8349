# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A runtime that never returns: transitions are answered, and the process ends when told."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from scripted_engine import ScriptedEngine

from mm_robust_seg import build
from mm_robust_seg.ros.node.node import LEFT_ENGINE, SegmentationNode
from mm_robust_seg.ros.node.threads import engine_thread

pytestmark = pytest.mark.ros

STUCK = """
import ctypes, sys
from scripted_engine import ScriptedEngine
from mm_robust_seg import build
from mm_robust_seg.ros.node import node

def sleep(*_):  # in C, where no signal and no other thread of Python can end it
    while True:
        print('stuck', flush=True)
        ctypes.CDLL(None).pause()

class Stuck(build.Pipeline):  # a frame set is due at once
    take = lambda *_: 'a job'
    run = sleep

build.Pipeline = Stuck
build.build_engine = {}
sys.exit(node.main(['segmentation', *sys.argv[1:]], autostart=True))
"""
IN_LOAD, IN_INFERENCE = 'sleep', 'lambda *_: ScriptedEngine()'


@pytest.fixture
def start(ros_domain, tiny_bundle, tmp_path):
    """Start a node whose engine hangs; return the process once it does."""
    started = []

    def run(engine):
        code = STUCK.replace('{}', engine)
        given = ['--ros-args', '-p', f'engine.bundle:={tiny_bundle}']
        paths = [str(Path(__file__).parents[2] / 'test' / 'support'), *sys.path]
        process = subprocess.Popen(
            [sys.executable, '-c', code, *given],
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def _until_stuck(process):
    log = list(itertools.takewhile(lambda line: line != 'stuck\n', process.stdout))
    assert process.poll() is None, ''.join(log)


@pytest.mark.parametrize('engine', [IN_LOAD, IN_INFERENCE], ids=['load', 'inference'])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_whatever_the_runtime_does(start, engine, number):
    process = start(engine)
    _until_stuck(process)
    process.send_signal(number)
    try:
        code = process.wait(20)
    except subprocess.TimeoutExpired:
        pytest.fail('it does not end')
    log = process.stdout.read()
    assert code == LEFT_ENGINE, log
    assert 'the engine does not return' in log and 'Traceback' not in log


@pytest.fixture
def node(ros, tiny_bundle, monkeypatch):
    """A node whose engine hangs in an inference until the end of the test; set once it does."""
    let_go, busy = threading.Event(), threading.Event()

    class Stuck(build.Pipeline):
        def take(self, now_ns):
            return 'a job'

        def run(self, job):
            busy.set()
            let_go.wait(60)

    monkeypatch.setattr(build, 'build_engine', lambda *_: ScriptedEngine())
    monkeypatch.setattr(build, 'Pipeline', Stuck)
    monkeypatch.setattr(engine_thread, 'PATIENCE_S', 0.5)
    given = [Parameter('engine.bundle', value=str(tiny_bundle))]
    made = SegmentationNode(threading.Event(), parameter_overrides=given)
    yield made, busy
    let_go.set()
    made.close()
    made.destroy_node()
    while any(thread.name == 'inference' for thread in threading.enumerate()):
        time.sleep(0.01)


def _errors(capfd):
    return [line for line in capfd.readouterr().err.splitlines() if '[ERROR]' in line]


def test_transitions_are_answered_while_an_inference_never_ends(node, capfd):
    made, busy = node
    for change in ('configure', 'activate'):
        assert getattr(made, f'trigger_{change}')() is TransitionCallbackReturn.SUCCESS
    assert busy.wait(10)
    for change in ('deactivate', 'cleanup'):
        assert getattr(made, f'trigger_{change}')() is TransitionCallbackReturn.SUCCESS
    in_hand, left = _errors(capfd)
    assert 'the inference in hand has not ended' in in_hand
    assert 'the engine does not return' in left and made.has_left_engine
