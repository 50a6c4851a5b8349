# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Drivers of cameras as they are: two on one topic, and such that hang until they are reset."""

from __future__ import annotations

import copy
import threading

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from robot import active, NodeThread, reason, values
from sensor_msgs.msg import Image
from std_srvs.srv import Empty, SetBool, Trigger

from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.node import SegmentationNode

pytestmark = pytest.mark.ros
RGB, THERMAL, DEPTH = Modality
COMPLETE = 'rgb+thermal+depth'
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
        # Discovery may tell of a publisher before it tells of its node.
        robot.until(lambda: values(robot.states[-1])['depth.detail'] == SENTENCE)
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


@pytest.fixture
def start(tiny_bundle):
    made = []

    def node(**recovery):
        settings = {'engine.bundle': str(tiny_bundle), 'engine.threads': 1}
        quick = {'service': '/thermal/reset', 'after_s': 0.3, 'retry_s': 0.5, **recovery}
        settings |= {f'recovery.thermal.{name}': value for name, value in quick.items()}
        made.append(NodeThread(settings))

    yield node
    for item in made:
        item.close()


class Driver:
    """Serves a reset of the thermal camera, which begins to send again if that helps."""

    def __init__(self, robot, kind, helps=True):
        self.calls, self._robot, self._helps = [], robot, helps
        robot.node.create_service(kind, 'thermal/reset', self.reset)

    def hang(self):
        self._robot.live.discard(THERMAL)

    def reset(self, request, response):
        self.calls.append(request)
        if self._helps:
            self._robot.live.add(THERMAL)
        if hasattr(response, 'success'):
            response.success, response.message = self._helps, 'as I like'
        return response


@pytest.mark.parametrize('kind', [Trigger, SetBool, Empty])
def test_a_driver_that_hangs_is_reset_and_used_again(robot, start, capfd, kind):
    driver = Driver(robot, kind)
    start()
    robot.until(lambda: active(robot) == COMPLETE)
    robot.run(1.5)
    assert not driver.calls
    driver.hang()
    robot.until(lambda: reason(robot, THERMAL) == 'SILENT')
    robot.until(lambda: active(robot) == COMPLETE)
    [call] = driver.calls
    assert getattr(call, 'data', True) is True
    log = capfd.readouterr().err
    assert 'thermal has been SILENT for 0.3 s: /thermal/reset is called, 1 of 5 times' in log
    assert 'thermal: /thermal/reset has answered' in log


def test_a_reset_that_is_refused_is_tried_again_up_to_the_limit(robot, start, capfd):
    driver = Driver(robot, Trigger, helps=False)
    start(max_calls=2)
    robot.until(lambda: active(robot) == COMPLETE)
    robot.run(1.2)
    driver.hang()
    robot.until(lambda: len(driver.calls) == 2)
    masks = len(robot.masks)
    robot.run(2.0)
    assert len(driver.calls) == 2
    assert len(robot.masks) > masks + 20
    assert active(robot) == 'rgb+depth'
    assert capfd.readouterr().err.count('thermal: /thermal/reset has refused: as I like') == 2


def test_a_service_that_nobody_serves_is_said_once_per_try_and_costs_nothing(robot, start, capfd):
    start(max_calls=2)
    robot.until(lambda: active(robot) == COMPLETE)
    robot.live.discard(THERMAL)
    robot.run(3.0)
    log = capfd.readouterr().err
    assert log.count('thermal: nobody serves /thermal/reset; expected std_srvs/srv/Trigger') == 2
    assert active(robot) == 'rgb+depth'
    assert reason(robot, RGB) == 'OK'
    robot.live.add(THERMAL)
    robot.until(lambda: active(robot) == COMPLETE)


def test_a_service_that_never_answers_holds_nothing_up(robot, start, capfd):
    mute = rclpy.create_node('mute', context=robot.context)
    mute.create_service(Trigger, 'thermal/reset', lambda request, response: response)
    start(max_calls=2)
    robot.until(lambda: active(robot) == COMPLETE)
    robot.run(1.2)
    robot.live.discard(THERMAL)
    masks = len(robot.masks)
    robot.run(3.0)
    assert len(robot.masks) > masks + 40
    assert '/thermal/reset has not answered' in capfd.readouterr().err
    mute.destroy_node()


def test_a_name_that_is_none_of_a_service_is_refused_when_the_node_is_activated(
    ros, tiny_bundle, capfd
):
    given = {'engine.bundle': str(tiny_bundle), 'recovery.rgb.service': 'no service!'}
    node = SegmentationNode(
        threading.Event(), parameter_overrides=[Parameter(n, value=v) for n, v in given.items()]
    )
    node.trigger_configure()
    assert node.trigger_activate() is TransitionCallbackReturn.FAILURE
    assert "recovery.rgb.service is 'no service!', which is no name" in capfd.readouterr().err
    node.close()
    node.destroy_node()
