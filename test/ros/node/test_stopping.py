# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""SIGINT and SIGTERM, whatever the node is doing: it ends in order and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
import random
import signal
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from robot import NodeProcess

pytestmark = pytest.mark.ros

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LONG_WARMUP = {'engine.warmup_iterations': 100}


@pytest.fixture
def process(robot, tiny_bundle, tmp_path):
    parameters = {'engine.bundle': tiny_bundle, 'engine.threads': 1, **LONG_WARMUP}
    made = NodeProcess(tmp_path / 'node.log', parameters)
    try:
        robot.state()
        yield made
    finally:
        made.stop()


def _ask(robot, number):
    """Ask for a transition without waiting for it."""
    request = ChangeState.Request()
    request.transition.id = number
    return robot.ask('change_state', request)


def _files(folder):
    return {path: path.stat().st_mtime_ns for path in Path(folder).rglob('*')}


@pytest.mark.parametrize('number', SIGNALS)
def test_an_idle_node_ends_at_once(process, number):
    """No callback comes that would end its wait."""
    code, log = process.stop(number)
    assert (code, 'Traceback' in log) == (0, False), log


@pytest.mark.parametrize('number', SIGNALS)
@pytest.mark.parametrize('delay_s', [0.05, 0.1, 0.15])
def test_a_second_signal_during_the_end_changes_no_exit_code(process, number, delay_s):
    """Ctrl-C in a terminal reaches the node twice: from the terminal, and from ros2 launch."""
    process.send(number)
    time.sleep(delay_s)
    code, log = process.stop(number)
    assert (code, 'Traceback' in log) == (0, False), log


@pytest.mark.parametrize('number', SIGNALS)
def test_a_signal_at_any_moment_of_configure_and_activate_ends_the_node(
    process, robot, tiny_bundle, number
):
    before = _files(tiny_bundle)
    delay_s = random.uniform(0.0, 1.0)
    configured = _ask(robot, Transition.TRANSITION_CONFIGURE)
    end_s = time.monotonic() + delay_s
    robot.until(lambda: configured.done() or time.monotonic() > end_s)
    if configured.done():
        _ask(robot, Transition.TRANSITION_ACTIVATE)
    robot.until(lambda: time.monotonic() > end_s)
    code, log = process.stop(number)
    assert (code, 'Traceback' in log) == (0, False), f'after {delay_s} s: {log}'
    assert _files(tiny_bundle) == before


@pytest.mark.parametrize('number', SIGNALS)
def test_many_signals_while_images_flow_are_one(process, robot, number):
    assert robot.transition(Transition.TRANSITION_CONFIGURE)
    assert robot.transition(Transition.TRANSITION_ACTIVATE)
    robot.until(lambda: len(robot.masks) >= 3)
    robot.run(random.uniform(0.0, 0.2))
    for _ in range(5):
        process.send(number)
    code, log = process.stop(number)
    assert (code, 'Traceback' in log) == (0, False), log
