# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The SROS 2 policy against the graph of a running node."""

from __future__ import annotations

import threading
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from interface import INPUTS, NODE, outputs, services
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sros2_policy import allowed

from mm_robust_seg.ros.node.node import SegmentationNode

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


def _graph(node):
    """Return the names in the graph, by kind and right."""
    name, namespace = node.get_name(), node.get_namespace()
    found = {
        ('topics', 'publish'): node.get_publisher_names_and_types_by_node(name, namespace),
        ('topics', 'subscribe'): node.get_subscriber_names_and_types_by_node(name, namespace),
        ('services', 'reply'): node.get_service_names_and_types_by_node(name, namespace),
    }
    return {key: {name for name, _ in pairs} for key, pairs in found.items()}


def test_everything_in_the_graph_of_the_node_is_allowed(active):
    """The graph is put together by another thread of the middleware: wait for the last entries."""
    known = {*outputs(), *INPUTS, *services()} - {f'{NODE}/label_info'}
    end_s = time.monotonic() + 20
    while not known <= set().union(*_graph(active).values()):
        assert time.monotonic() < end_s, known - set().union(*_graph(active).values())
        time.sleep(0.05)
    for (kind, right), names in _graph(active).items():
        assert names <= allowed('/segmentation', kind, right)
