"""Drivers of cameras as they are: two on one topic."""

from __future__ import annotations

import copy

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from robot import active, NodeThread, reason, values
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos

pytestmark = pytest.mark.ros
DEPTH = Modality.DEPTH
SENTENCE = '2 nodes publish /depth/image: /another, /robot; remap one'


@pytest.fixture
def another(robot):
    """A node that publishes depth as well, 11 ms before the robot."""
    node = rclpy.create_node('another', context=robot.context)
    publisher = node.create_publisher(Image, 'depth/image', qos.SENSOR)

    def publish(message):
        early = copy.deepcopy(message)
        early.header.stamp.nanosec = max(0, early.header.stamp.nanosec - 11_000_000)
        early.data[0] ^= 1
        publisher.publish(early)

    robot.alter[DEPTH] = publish
    yield node
    robot.alter.clear()
    node.destroy_node()


def test_two_on_one_topic_are_named_in_state_and_self_check_and_the_sensor_is_used(
    robot, another, tiny_bundle
):
    made = NodeThread({'engine.bundle': str(tiny_bundle), 'engine.threads': 1})
    try:
        robot.until(lambda: reason(robot, DEPTH) == 'SURPLUS')
        assert values(robot.states[-1])['depth.detail'] == SENTENCE
        assert active(robot) == 'rgb+thermal+depth'
        answer = robot.call('self_check', Trigger.Request())
        assert not answer.success
        assert answer.message == f'depth: {SENTENCE}'
        robot.alter.clear()
        another.destroy_node()
        robot.until(lambda: reason(robot, DEPTH) == 'OK')
        robot.until(lambda: robot.call('self_check', Trigger.Request()).success)
    finally:
        made.close()
