# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node and the demo's listener with an rclpy that dispatches as Humble's (3.3) does."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.subscription import Subscription
from robot import active, NodeThread
from sensor_msgs.msg import Image

from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.ros.demo import listener as module
from mm_robust_seg.ros.node import events, qos

pytestmark = pytest.mark.ros


@pytest.fixture
def humble(monkeypatch):
    """Call every subscription with the message alone."""

    def keep(self, value):
        self._callback, self._callback_type = value, Subscription.CallbackType.MessageOnly

    callback = property(lambda self: self._callback, keep)
    monkeypatch.setattr(Subscription, 'callback', callback)
    monkeypatch.setattr(module, 'Subscription', SimpleNamespace(), raising=False)


@pytest.mark.parametrize('dispatch', ['humble', 'newer'])
def test_the_listener_hears_images_and_their_arrival(ros, request, dispatch):
    if dispatch == 'humble':
        request.getfixturevalue('humble')
    recorder = RunRecorder(())
    heard = module.Listener(recorder, with_images=False)
    camera = heard.node.create_publisher(Image, 'rgb/image', qos.SENSOR)
    before_ns, frames = heard.now_ns(), recorder.frames[Modality.RGB]
    message = Image(height=1, width=1, encoding='mono8', step=1, data=b'\x01')
    message.header.stamp.sec = 7
    try:
        for _ in range(100):
            camera.publish(message)
            heard.spin(0.1)
            if frames:
                break
        after_ns = heard.now_ns()
    finally:
        heard.close()
    assert frames[0].stamp_ns == 7_000_000_000
    assert before_ns <= frames[0].arrival_ns <= after_ns


def test_the_node_makes_masks(humble, robot, tiny_bundle):
    node = NodeThread({'engine.bundle': str(tiny_bundle), 'engine.threads': 1})
    try:
        robot.until(lambda: active(robot) == 'rgb+thermal+depth' and len(robot.masks) >= 3)
    finally:
        node.close()


class HumbleCallbacks:
    """The events that rclpy 3.3 knows."""

    def __init__(
        self, *, deadline=None, incompatible_qos=None, liveliness=None, message_lost=None
    ):
        self.incompatible_qos, self.message_lost = incompatible_qos, message_lost


def test_events_are_asked_for_under_the_names_of_humble(monkeypatch):
    of_humble = ModuleType('rclpy.qos_event')
    of_humble.SubscriptionEventCallbacks = HumbleCallbacks
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'rclpy.event_handler', None)
        patch.setitem(sys.modules, 'rclpy.qos_event', of_humble)
        importlib.reload(events)
        lost = []
        callbacks = events.event_callbacks(lost.append, lambda _: None, lambda: None)
        callbacks.message_lost(SimpleNamespace(total_count_change=3))
    importlib.reload(events)
    assert isinstance(callbacks, HumbleCallbacks) and lost == [3]
