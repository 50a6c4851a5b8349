# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The output topics: labels for whoever comes late, pictures for whoever listens."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.time import Time
from sensor_msgs.msg import CameraInfo

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.dataflow import (
    Frame,
    FrameSet,
    HealthLevel,
    HealthReport,
    Reason,
    Segmentation,
    SensorHealth,
)
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.ros.node import departures as module
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.departures import Departures
from mm_robust_seg.ros.node.diagnostics import State
from mm_robust_seg.ros.node.threads.engine_thread import EngineState
from mm_robust_seg.ros.node.threads.load import Load, Shed

pytestmark = pytest.mark.ros

NOW_NS = 40_000_000
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
    def __init__(self, kind, topic, profile):
        self.kind, self.topic_name, self.profile = kind, topic, profile
        self.listeners, self.messages = 0, []

    def get_subscription_count(self):
        return self.listeners

    def publish(self, message):
        self.messages.append(message)


class FakeNode:
    """Makes publishers that keep what they are given."""

    def __init__(self):
        self.topics = {}
        self.publishers, self.warnings = 1, []

    def create_publisher(self, kind, topic, profile):
        self.topics[topic] = FakePublisher(kind, topic, profile)
        return self.topics[topic]

    def count_publishers(self, topic):
        return self.publishers if topic == '~/mask' else 1

    def get_logger(self):
        return SimpleNamespace(warning=lambda text, **_: self.warnings.append(text))

    def get_clock(self):
        return SimpleNamespace(now=lambda: Time(nanoseconds=NOW_NS))

    def get_fully_qualified_name(self):
        return '/robot/segmentation'


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


@pytest.fixture
def load():
    return Load(sheds=True)


@pytest.fixture
def departures(node, bundle, load):
    return Departures(node, bundle, {}, lambda: NOW_NS, load)


@pytest.fixture
def made(monkeypatch):
    """Count what is made for the pictures."""
    calls = Counter()

    def watch(name):
        real = getattr(module, name)

        def counted(*given):
            calls[name] += 1
            return real(*given)

        monkeypatch.setattr(module, name, counted)

    for name in set().union(*MAKERS.values()):
        watch(name)
    return calls


def _result():
    plane = np.zeros(SIZE, np.uint8)
    report = HealthReport(NOW_NS, {})
    frames = FrameSet({Modality.RGB: RGB, Modality.THERMAL: THERMAL}, Modality.RGB, 8, 8)
    return Segmentation(plane, plane, RGB, COMPLETE, report, frames, 0.01, False)


def _sent(node):
    return {topic: p.messages for topic, p in node.topics.items() if p.messages}


def test_a_mask_comes_with_its_camera_info_and_frame_info_of_the_same_stamp(node, bundle):
    infos = {Modality.RGB: CameraInfo(width=64), Modality.THERMAL: CameraInfo(width=32)}
    Departures(node, bundle, infos, lambda: NOW_NS, Load(sheds=True)).publish(_result())
    sent = _sent(node)
    assert set(sent) == {'~/mask', '~/camera_info', '~/frame_info'}
    [mask], [info], [frame_info] = sent['~/mask'], sent['~/camera_info'], sent['~/frame_info']
    assert info.width == 64
    assert mask.header == info.header == frame_info.header
    assert (mask.header.stamp.nanosec, mask.header.frame_id) == (7, 'rgb_camera')
    values = {pair.key: pair.value for pair in frame_info.status[0].values}
    assert frame_info.status[0].name == 'robot/segmentation: frame'
    assert values['adapter'] == 'none'
    assert float(values['end_to_end_ms']) == pytest.approx(40, abs=0.001)


def test_without_camera_info_the_mask_comes_alone(node, departures):
    departures.publish(_result())
    assert set(_sent(node)) == {'~/mask', '~/frame_info'}


def test_the_state_is_latched_and_six_tasks_are_in_the_diagnostics(node, departures):
    departures.publish(_result())
    sensors = {
        m: SensorHealth(m, HealthLevel.OK, Reason.OK, True, 'well', NOW_NS) for m in Modality
    }
    state = State.after(None, HealthReport(NOW_NS, sensors), COMPLETE)
    departures.publish_state(state, EngineState('fake', '', True, Counter(skipped=2)))
    [latched], [array] = (node.topics[t].messages for t in ('~/modality_state', '/diagnostics'))
    assert node.topics['~/modality_state'].profile == qos.LATCHED
    names = [f'robot/segmentation: {task}' for task in (*Modality, 'modality', 'engine', 'output')]
    assert [status.name for status in array.status] == names
    assert array.status[3] == latched and array.header.stamp.nanosec == NOW_NS
    values = {pair.key: pair.value for status in array.status[4:] for pair in status.values}
    assert (values['masks'], values['skipped'], values['bundle']) == ('1', '2', 'tiny')


def test_other_publishers_of_the_masks_are_warned_of(node, departures):
    state = State.after(None, HealthReport(NOW_NS, {}), COMPLETE)
    engine = EngineState('fake', '', True, Counter())
    for node.publishers in (1, 2):
        departures.publish_state(state, engine)
    alone, beside = (array.status[-1] for array in node.topics['/diagnostics'].messages)
    [warning] = node.warnings
    assert warning.startswith('2 publishers of ~/mask, one of them this node: end the others')
    assert warning not in alone.message and beside.message.startswith(warning)
    assert beside.level == b'\x01'


def test_nothing_is_made_while_nobody_listens(node, departures, made):
    departures.publish_pictures(_result())
    assert not made
    assert not any(publisher.messages for publisher in node.topics.values())


@pytest.mark.parametrize('listened', MAKERS)
def test_only_the_picture_that_somebody_listens_to_is_made(node, departures, made, listened):
    node.topics[f'~/{listened}'].listeners = 1
    departures.publish_pictures(_result())
    assert made == MAKERS[listened]
    told = {topic for topic, publisher in node.topics.items() if publisher.messages}
    assert told == {f'~/{listened}'}


@pytest.mark.parametrize(
    ('shed', 'seldom'),
    [
        (Shed.NOTHING, set()),
        (Shed.PICTURES, {'color_mask', 'overlay', 'thermal_view'}),
        (Shed.RATE, set(MAKERS)),
    ],
)
def test_what_is_shed_is_published_once_a_second(node, departures, load, shed, seldom):
    for name in MAKERS:
        node.topics[f'~/{name}'].listeners = 1
    load.shed = shed
    for _ in range(3):
        departures.publish_pictures(_result())
    told = {name: len(node.topics[f'~/{name}'].messages) for name in MAKERS}
    assert told == {name: 1 if name in seldom else 3 for name in MAKERS}


def test_label_info_is_latched_with_the_names_of_the_ids(node, bundle, monkeypatch):
    class LabelInfo(SimpleNamespace):
        pass

    monkeypatch.setattr(module, 'LabelInfo', LabelInfo)
    monkeypatch.setattr(module, 'VisionClass', SimpleNamespace)
    departures = Departures(node, bundle, {}, lambda: NOW_NS, Load(sheds=True))
    publisher = node.topics['~/label_info']
    assert (publisher.kind, publisher.profile) == (LabelInfo, qos.LATCHED)
    assert not publisher.messages, 'nothing is said before the node is active'
    departures.publish_labels()
    [message] = publisher.messages
    assert [(c.class_id, c.class_name) for c in message.class_map] == [
        (index, item.name) for index, item in enumerate(bundle.classes)
    ]
    assert message.threshold == 0.0


def test_without_vision_msgs_the_labels_come_as_text_alone(node, bundle, monkeypatch):
    monkeypatch.setattr(module, 'LabelInfo', None)
    Departures(node, bundle, {}, lambda: NOW_NS, Load(sheds=True)).publish_labels()
    assert '~/label_info' not in node.topics
    assert len(node.topics['~/labels'].messages) == 1
