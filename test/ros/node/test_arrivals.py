# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The subscriptions: images, and what the middleware tells besides, reach the engine thread."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from rclpy.event_handler import QoSSubscriptionEventType
from rclpy.qos import QoSPolicyKind
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mm_robust_seg.config import Config
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.arrivals import Arrivals
from mm_robust_seg.ros.node.events import event_callbacks
from mm_robust_seg.ros.node.threads import decoders
from mm_robust_seg.schema import with_values
from mm_robust_seg.transport import IncompatibleQos, LostMessages, PublisherCount

pytestmark = pytest.mark.ros

RGB, THERMAL, DEPTH = Modality


class Recorder:
    """Takes the place of the engine thread, and keeps what it is given."""

    def __init__(self):
        self.notes, self.images = [], []

    def now_ns(self):
        return time.time_ns()

    def note(self, note):
        self.notes.append(note)

    def offer(self, raw, arrival_ns):
        self.images.append((raw, arrival_ns))


class Broken:
    """An engine thread without a pipeline."""

    def now_ns(self):
        return time.time_ns()

    def note(self, note):
        raise RuntimeError('no pipeline')

    def offer(self, raw, arrival_ns):
        raise RuntimeError('no pipeline')


def _raise(error):
    raise error


def _spin_until(node, condition):
    for _ in range(200):
        if condition():
            return
        rclpy.spin_once(node, timeout_sec=0.1)
    raise AssertionError('it did not come true in time')


@pytest.fixture
def node(ros):
    made = rclpy.create_node('listening')
    yield made
    made.destroy_node()


@pytest.fixture
def camera(ros):
    made = rclpy.create_node('camera')
    yield made
    made.destroy_node()


@pytest.fixture
def listen():
    """Make arrivals that are closed at the end."""
    made = []

    def arrivals(node, engine_thread, report=_raise, camera_infos=None):
        infos = {} if camera_infos is None else camera_infos
        made.append(Arrivals(node, Config().inputs, engine_thread, infos, report))
        return made[-1]

    yield arrivals
    for item in made:
        item.close()


def test_publishers_are_counted_when_they_come_and_go(node, camera, listen):
    recorder = Recorder()
    arrivals = listen(node, recorder)
    publisher = camera.create_publisher(Image, 'rgb/image', qos.SENSOR)
    _spin_until(node, lambda: PublisherCount(RGB, 1) in recorder.notes)
    camera.destroy_publisher(publisher)
    _spin_until(node, lambda: recorder.notes[-1] == PublisherCount(RGB, 0))
    arrivals.count_publishers()
    assert recorder.notes[-3:] == [PublisherCount(m, 0) for m in Modality]


def test_nodes_that_share_a_topic_are_named(ros, node, camera, listen):
    recorder = Recorder()
    listen(node, recorder)
    other = rclpy.create_node('another')
    for each in (camera, other):
        each.create_publisher(Image, 'rgb/image', qos.SENSOR)
    several = PublisherCount(RGB, 2, '/rgb/image', ('/another', '/camera'))
    _spin_until(node, lambda: several in recorder.notes)
    other.destroy_node()


def test_the_transport_names_the_topic_and_its_type(node):
    transports = {RGB: 'compressed', THERMAL: 'raw', DEPTH: 'compressedDepth'}
    given = {f'inputs.{modality}.transport': name for modality, name in transports.items()}
    inputs = with_values(Config(), given).inputs
    arrivals = Arrivals(node, inputs, Recorder(), {}, _raise)
    found = {m: (s.topic_name, s.msg_type) for m, s in arrivals.subscriptions.items()}
    arrivals.close()
    assert found == {
        RGB: ('/rgb/image/compressed', CompressedImage),
        THERMAL: ('/thermal/image', Image),
        DEPTH: ('/depth/image/compressedDepth', CompressedImage),
    }


def test_the_policy_of_a_publisher_that_does_not_fit_is_told(ros, camera, listen):
    name = 'qos_overrides./thermal/image.subscription.reliability'
    demanding = rclpy.create_node(
        'demanding', parameter_overrides=[rclpy.Parameter(name, value='reliable')]
    )
    recorder = Recorder()
    listen(demanding, recorder)
    camera.create_publisher(Image, 'thermal/image', qos.SENSOR)
    _spin_until(demanding, lambda: IncompatibleQos(THERMAL, 'RELIABILITY') in recorder.notes)
    assert qos.SENSOR.reliability.name == 'BEST_EFFORT', 'the overrides stay with their node'


def test_losses_are_told_as_they_grow():
    told = []
    callbacks = event_callbacks(told.append, told.append, lambda: told.append('matched'))
    callbacks.message_lost(SimpleNamespace(total_count=9, total_count_change=2))
    kind = QoSPolicyKind.DURABILITY
    callbacks.incompatible_qos(SimpleNamespace(last_policy_kind=kind))
    assert told == [2, 'DURABILITY']


def test_lost_messages_reach_the_engine_thread_and_the_count(node, listen):
    recorder = Recorder()
    arrivals = listen(node, recorder)
    [handler] = [
        item
        for item in arrivals.subscriptions[DEPTH].event_handlers
        if item.event_type is QoSSubscriptionEventType.RCL_SUBSCRIPTION_MESSAGE_LOST
    ]
    handler.callback(SimpleNamespace(total_count_change=3))
    handler.callback(SimpleNamespace(total_count_change=1))
    lost = [note for note in recorder.notes if isinstance(note, LostMessages)]
    assert lost == [LostMessages(DEPTH, 3), LostMessages(DEPTH, 1)]
    assert arrivals.reception[DEPTH].lost == 4


def test_an_image_has_arrived_before_it_is_translated(node, listen, monkeypatch):
    translated_ns, recorder = [], Recorder()

    def translate(raw, message):
        begun_ns = node.get_clock().now().nanoseconds
        while (now_ns := node.get_clock().now().nanoseconds) == begun_ns:
            continue
        translated_ns.append(now_ns)
        return raw

    monkeypatch.setattr(decoders, 'translated', translate)
    arrivals = listen(node, recorder)
    before_ns = node.get_clock().now().nanoseconds
    arrivals.subscriptions[RGB].callback(Image(encoding='nv24', data=b''))
    _spin_until(node, lambda: recorder.images)
    [(_, arrival_ns)] = recorder.images
    assert before_ns <= arrival_ns < translated_ns[0]


def test_the_last_parameters_of_a_camera_are_kept_until_the_end(node, camera, listen):
    infos = {}
    arrivals = listen(node, Recorder(), camera_infos=infos)
    publisher = camera.create_publisher(CameraInfo, 'thermal/camera_info', qos.SENSOR)
    for width_px in (320, 640):
        publisher.publish(CameraInfo(width=width_px))
        _spin_until(node, lambda w=width_px: [info.width for info in infos.values()] == [w])
    assert list(infos) == [THERMAL]
    arrivals.close()
    assert not infos


def test_what_the_engine_thread_raises_is_reported(node, listen):
    errors = []
    arrivals = listen(node, Broken(), errors.append)
    arrivals.count_publishers()
    arrivals.subscriptions[RGB].callback(Image(encoding='rgb8', data=b''))
    _spin_until(node, lambda: len(errors) == 4)
    assert {str(error) for error in errors} == {'no pipeline'}
