"""The output topics: labels for whoever comes late, pictures for whoever listens."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.time import Time

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.dataflow import Frame, FrameSet, HealthReport, Segmentation
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.ros.node import departures, qos
from mm_robust_seg.ros.node.departures import Outputs

pytestmark = pytest.mark.ros

SIZE = (48, 64)
RGB = Frame(Modality.RGB, 7, 8, np.zeros((*SIZE, 3), np.uint8), 'rgb_camera')
THERMAL = Frame(Modality.THERMAL, 6, 8, np.full(SIZE, 300, np.float32), 'thermal_camera')
MAKERS = {
    'confidence': {'image_message': 1},
    'color_mask': {'colorize': 1, 'image_message': 1},
    'overlay': {'camera_view': 1, 'overlay': 1, 'caption': 1, 'image_message': 1},
    'thermal_view': {'camera_view': 1, 'image_message': 1},
}
"""What is called to make each picture, and how often."""


class FakePublisher:
    def __init__(self, kind, profile):
        self.kind, self.profile = kind, profile
        self.listeners, self.messages = 0, []

    def get_subscription_count(self):
        return self.listeners

    def publish(self, message):
        self.messages.append(message)


class FakeNode:
    """Makes publishers that keep what they are given."""

    def __init__(self):
        self.topics = {}

    def create_publisher(self, kind, topic, profile):
        self.topics[topic] = FakePublisher(kind, profile)
        return self.topics[topic]

    def get_clock(self):
        return SimpleNamespace(now=Time)


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


@pytest.fixture
def made(monkeypatch):
    """Count what is made for the pictures."""
    calls = Counter()

    def watch(name):
        real = getattr(departures, name)

        def counted(*given):
            calls[name] += 1
            return real(*given)

        monkeypatch.setattr(departures, name, counted)

    for name in set().union(*MAKERS.values()):
        watch(name)
    return calls


def _publish_pictures(outputs):
    plane = np.zeros(SIZE, np.uint8)
    report = HealthReport(0, {})
    frames = FrameSet({Modality.RGB: RGB, Modality.THERMAL: THERMAL}, 8, 8)
    result = Segmentation(plane, plane, RGB, COMPLETE, report, frames, 0.01, False)
    outputs.publish_pictures(result, THERMAL)


def test_nothing_is_made_while_nobody_listens(node, bundle, made):
    _publish_pictures(Outputs(node, bundle))
    assert not made
    assert not any(publisher.messages for publisher in node.topics.values())


@pytest.mark.parametrize('listened', MAKERS)
def test_only_the_picture_that_somebody_listens_to_is_made(node, bundle, made, listened):
    outputs = Outputs(node, bundle)
    node.topics[f'~/{listened}'].listeners = 1
    _publish_pictures(outputs)
    assert made == MAKERS[listened]
    told = {topic for topic, publisher in node.topics.items() if publisher.messages}
    assert told == {f'~/{listened}'}


def test_label_info_is_latched_with_the_names_of_the_ids(node, bundle, monkeypatch):
    class LabelInfo(SimpleNamespace):
        pass

    monkeypatch.setattr(departures, 'LabelInfo', LabelInfo)
    monkeypatch.setattr(departures, 'VisionClass', SimpleNamespace)
    outputs = Outputs(node, bundle)
    publisher = node.topics['~/label_info']
    assert (publisher.kind, publisher.profile) == (LabelInfo, qos.LATCHED)
    assert not publisher.messages, 'nothing is said before the node is active'
    outputs.publish_labels()
    [message] = publisher.messages
    assert [(c.class_id, c.class_name) for c in message.class_map] == [
        (index, item.name) for index, item in enumerate(bundle.classes)
    ]
    assert message.threshold == 0.0


def test_without_vision_msgs_the_labels_come_as_text_alone(node, bundle, monkeypatch):
    monkeypatch.setattr(departures, 'LabelInfo', None)
    Outputs(node, bundle).publish_labels()
    assert '~/label_info' not in node.topics
    assert len(node.topics['~/labels'].messages) == 1
