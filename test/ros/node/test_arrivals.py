"""The subscriptions: what the middleware says besides the messages reaches the pipeline."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from rclpy.qos import QoSPolicyKind
from sensor_msgs.msg import Image

from mm_robust_seg.config import Config
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import arrivals as module
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.arrivals import Inputs
from mm_robust_seg.ros.node.events import event_callbacks
from mm_robust_seg.transport import IncompatibleQos, LostMessages, PublisherCount

pytestmark = pytest.mark.ros

RGB, THERMAL, DEPTH = Modality


class Diary:
    """A pipeline that writes down what it is told."""

    def __init__(self):
        self.lines = []

    def tell(self, note):
        note(self, 7)

    def note(self, note, now_ns):
        self.lines.append((note, now_ns))


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


def test_publishers_are_counted_when_they_come_and_go(node, camera):
    diary = Diary()
    inputs = Inputs(node, Config().inputs, print, diary.tell, _raise)
    publisher = camera.create_publisher(Image, 'rgb/image', qos.SENSOR)
    _spin_until(node, lambda: (PublisherCount(RGB, 1), 7) in diary.lines)
    camera.destroy_publisher(publisher)
    _spin_until(node, lambda: diary.lines[-1] == (PublisherCount(RGB, 0), 7))
    inputs.count_publishers()
    assert diary.lines[-3:] == [(PublisherCount(m, 0), 7) for m in Modality]
    inputs.close()


def test_the_policy_of_a_publisher_that_does_not_fit_is_told(node, camera):
    name = 'qos_overrides./thermal/image.subscription.reliability'
    demanding = rclpy.create_node(
        'demanding', parameter_overrides=[rclpy.Parameter(name, value='reliable')]
    )
    diary = Diary()
    inputs = Inputs(demanding, Config().inputs, print, diary.tell, _raise)
    camera.create_publisher(Image, 'thermal/image', qos.SENSOR)
    wanted = (IncompatibleQos(THERMAL, 'RELIABILITY'), 7)
    _spin_until(demanding, lambda: wanted in diary.lines)
    inputs.close()
    demanding.destroy_node()
    assert qos.SENSOR.reliability.name == 'BEST_EFFORT', 'the overrides stay with their node'


def test_losses_are_told_as_they_grow():
    told = []
    callbacks = event_callbacks(told.append, told.append, lambda: told.append('matched'))
    callbacks.message_lost(SimpleNamespace(total_count=9, total_count_change=2))
    kind = QoSPolicyKind.DURABILITY
    callbacks.incompatible_qos(SimpleNamespace(last_policy_kind=kind))
    assert told == [2, 'DURABILITY']


def test_lost_messages_reach_the_pipeline_and_the_count(node):
    diary = Diary()
    inputs = Inputs(node, Config().inputs, print, diary.tell, _raise)
    handlers = inputs.subscriptions[DEPTH].event_handlers
    inputs._on_lost(DEPTH, 3)
    inputs._on_lost(DEPTH, 1)
    assert handlers, 'the subscription listens to events'
    assert [line for line in diary.lines if isinstance(line[0], LostMessages)] == [
        (LostMessages(DEPTH, 3), 7),
        (LostMessages(DEPTH, 1), 7),
    ]
    assert inputs.reception[DEPTH].lost == 4
    inputs.close()


def test_an_image_has_arrived_before_it_is_translated(node, monkeypatch):
    translated_ns, received = [], []

    def translate(raw, message):
        begun_ns = node.get_clock().now().nanoseconds
        while (now_ns := node.get_clock().now().nanoseconds) == begun_ns:
            continue
        translated_ns.append(now_ns)
        return raw

    monkeypatch.setattr(module, 'translated', translate)
    inputs = Inputs(node, Config().inputs, lambda *given: received.append(given), print, _raise)
    before_ns = node.get_clock().now().nanoseconds
    inputs._on_image(RGB, Image(encoding='bayer_rggb8', data=b''))
    [(_, arrival_ns)] = received
    assert before_ns <= arrival_ns < translated_ns[0]
    inputs.close()


def test_what_the_pipeline_raises_is_reported(node):
    errors = []

    def tell(note):
        raise RuntimeError('no pipeline')

    inputs = Inputs(node, Config().inputs, print, tell, errors.append)
    inputs.count_publishers()
    assert [str(error) for error in errors] == 3 * ['no pipeline']
    inputs.close()
