"""What a node that does nothing says, and how often."""

from __future__ import annotations

import re
import threading
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from mm_robust_seg.ros.node import waiting
from mm_robust_seg.ros.node.node import SegmentationNode

pytestmark = pytest.mark.ros
PERIOD_S, LOOKS = 0.02, 20


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
