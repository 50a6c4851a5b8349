"""The SROS 2 policy against the graph of a running node."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from test_sros2 import allowed

from mm_robust_seg.ros.node import SegmentationNode

pytestmark = pytest.mark.ros


@pytest.fixture
def active(ros, tiny_bundle):
    given = {'engine.bundle': str(tiny_bundle), 'engine.threads': 1}
    overrides = [Parameter(name, value=value) for name, value in given.items()]
    node = SegmentationNode(threading.Event(), parameter_overrides=overrides)
    try:
        assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
        assert node.trigger_activate() is TransitionCallbackReturn.SUCCESS
        yield node
    finally:
        node.close()
        node.destroy_node()


def test_everything_in_the_graph_of_the_node_is_allowed(active):
    name, namespace = active.get_name(), active.get_namespace()
    for kind, right, found in (
        ('topics', 'publish', active.get_publisher_names_and_types_by_node(name, namespace)),
        ('topics', 'subscribe', active.get_subscriber_names_and_types_by_node(name, namespace)),
        ('services', 'reply', active.get_service_names_and_types_by_node(name, namespace)),
    ):
        names = {topic for topic, _ in found}
        assert len(names) > 5
        assert names <= allowed('/segmentation', kind, right)
