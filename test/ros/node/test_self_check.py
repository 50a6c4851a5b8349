# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the self-check says of inputs that are silent, and of inputs that are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from robot import active, NodeThread, reason, values
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from mm_robust_seg.dataflow import HealthLevel, Reason, SensorHealth
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos, watch
from mm_robust_seg.ros.node.self_check import (
    COMPRESSED,
    explain,
    Facts,
    IMAGE,
    Publisher,
    remappings,
    Surroundings,
    type_name,
)
from mm_robust_seg.ros.node.self_check_facts import profile_hint
from mm_robust_seg.ros.processes.client import ACTIVATE, DEACTIVATE

pytestmark = pytest.mark.ros

RGB, THERMAL, DEPTH = Modality
DRIVER = Publisher('/driver', IMAGE)
AROUND = Surroundings(topics={}, uses_sim_time=False, has_clock=False, profile_hint='')


def _health(modality=THERMAL, reason=Reason.OK, detail='as it should be'):
    good = reason in (Reason.OK, Reason.UNMATCHED)
    level = HealthLevel.OK if good else HealthLevel.ERROR
    return SensorHealth(modality, level, reason, good, detail, 0)


def _facts(modality=THERMAL, **changes):
    good = Facts(
        name=f'{modality}/image',
        topic=f'/{modality}/image',
        type=IMAGE,
        publishers=[DRIVER],
        active_s=5.0,
        received=150,
        lost=0,
        size_bytes=600_000,
        age_s=0.02,
        expected_hz=30.0,
        health=_health(modality),
    )
    return replace(good, **changes)


SILENT = {'received': 0, 'age_s': None, 'health': _health(reason=Reason.ABSENT)}


def test_nothing_is_said_of_an_input_that_delivers():
    assert explain(_facts(), AROUND) == ''


@pytest.mark.parametrize(
    ('facts', 'around', 'texts'),
    [
        (
            _facts(publishers=[], **SILENT),
            replace(AROUND, topics={'/boson/image_raw': [IMAGE], '/rgb/image': [IMAGE]}),
            ['thermal: nobody publishes /thermal/image', '-r thermal/image:=/boson/image_raw'],
        ),
        (
            _facts(publishers=[], **SILENT),
            replace(AROUND, topics={'/thermal/points': ['sensor_msgs/msg/PointCloud2']}),
            ['nobody publishes', 'start the camera driver'],
        ),
        (
            _facts(publishers=[], **SILENT),
            replace(AROUND, topics={'/boson/image_raw/compressedDepth': [COMPRESSED]}),
            ['transport to compressedDepth with -r thermal/image:=/boson/image_raw'],
        ),
        (
            _facts(publishers=[], **SILENT),
            replace(
                AROUND,
                topics={'/thermal/image/compressed': [COMPRESSED], '/boson/image_raw': [IMAGE]},
            ),
            ['images are there as compressed', 'transport to compressed'],
        ),
        (
            _facts(
                type=COMPRESSED,
                topic='/thermal/image/compressedDepth',
                publishers=[],
                **SILENT,
            ),
            replace(AROUND, topics={'/lepton/image/compressedDepth': [COMPRESSED]}),
            ['remap it: -r thermal/image:=/lepton/image'],
        ),
        (
            _facts(publishers=[Publisher('/driver', COMPRESSED)], **SILENT),
            AROUND,
            [
                COMPRESSED,
                f'expected {IMAGE}',
                'set inputs.thermal.transport to compressed, and remap its topic: '
                '-r /thermal/image/compressed:=/thermal/image',
            ],
        ),
        (
            _facts(
                topic='/cam/image/compressedDepth',
                publishers=[Publisher('/driver', COMPRESSED)],
                **SILENT,
            ),
            AROUND,
            ['transport to compressedDepth, and remap the input: -r thermal/image:=/cam/image'],
        ),
        (
            _facts(
                type=COMPRESSED, topic='/thermal/image/compressed', publishers=[DRIVER], **SILENT
            ),
            AROUND,
            [
                f'carries {IMAGE}',
                'set inputs.thermal.transport to raw, and remap the input: '
                '-r thermal/image:=/thermal/image/compressed',
            ],
        ),
        (
            _facts(publishers=[Publisher('/driver', 'sensor_msgs/msg/PointCloud2')], **SILENT),
            AROUND,
            ['carries sensor_msgs/msg/PointCloud2', 'remap'],
        ),
        (
            _facts(publishers=[replace(DRIVER, conflict='reliability')], **SILENT),
            AROUND,
            ['quality of service', '/driver: reliability', 'qos_overrides./thermal/image'],
        ),
        (
            _facts(**SILENT),
            replace(AROUND, profile_hint='export THIS'),
            ['/driver publishes', 'no message came', 'Fast DDS loses most large', 'export THIS'],
        ),
        (_facts(**SILENT), AROUND, ['/driver publishes', 'camera delivers']),
        (
            _facts(**{**SILENT, 'lost': 12}),
            AROUND,
            ['no message came (12 were lost on the way)'],
        ),
        (
            _facts(age_s=3600.0, health=_health(reason=Reason.STALE)),
            AROUND,
            ['3600 s in the past', 'set use_sim_time to true'],
        ),
        (
            _facts(age_s=3600.0, health=_health(reason=Reason.STALE)),
            replace(AROUND, has_clock=True),
            ['somebody publishes /clock: set use_sim_time to true'],
        ),
        (
            _facts(age_s=-3600.0, health=_health(reason=Reason.CLOCK)),
            replace(AROUND, has_clock=True, uses_sim_time=True),
            ['3600 s in the future', 'set use_sim_time to false'],
        ),
        (
            _facts(),
            replace(AROUND, uses_sim_time=True),
            ['nobody publishes /clock', '--clock 200'],
        ),
        (
            _facts(publishers=[DRIVER, Publisher('/another', IMAGE)]),
            AROUND,
            ['2 nodes publish /thermal/image: /another, /driver; remap one'],
        ),
        (
            _facts(health=_health(reason=Reason.SURPLUS, detail='60.0 frames per second')),
            AROUND,
            ['thermal: 60.0 frames per second'],
        ),
        (
            _facts(health=_health(reason=Reason.UNMATCHED, detail='80% without it; raise it')),
            AROUND,
            ['thermal: 80% without it; raise it'],
        ),
        (
            _facts(health=_health(reason=Reason.FORMAT, detail='encoding is yuv422')),
            AROUND,
            ['refused: FORMAT: encoding is yuv422'],
        ),
        (
            _facts(health=_health(reason=Reason.SLOW, detail='set the rate')),
            AROUND,
            ['used only without better ones: SLOW: set the rate'],
        ),
        (
            _facts(received=30, lost=110),
            replace(AROUND, profile_hint='export THIS'),
            ['6.0 messages per second', '110 were lost', 'Fast DDS', 'export THIS'],
        ),
        (
            _facts(received=45, size_bytes=600),
            replace(AROUND, profile_hint='export THIS'),
            ['9.0 messages per second', 'set inputs.thermal.expected_rate_hz'],
        ),
    ],
)
def test_each_cause_is_named_with_what_to_do(facts, around, texts):
    sentence = explain(facts, around)
    assert sentence.startswith('thermal: ') and '\n' not in sentence
    for text in texts:
        assert text in sentence


def test_one_publisher_that_fits_is_enough():
    publishers = [Publisher('/other', COMPRESSED), replace(DRIVER, conflict='x'), DRIVER]
    assert explain(_facts(publishers=publishers), AROUND) == ''


def test_remappings_name_the_likeliest_topics_first_and_no_other_sensors():
    topics = {
        '/front/image_raw': [IMAGE],
        '/camera/depth/image': [IMAGE],
        '/camera/color/image_raw': [IMAGE],
        '/camera/color/points': ['sensor_msgs/msg/PointCloud2'],
        '/front/segmentation/overlay': [IMAGE],
        '/rig/truth': [IMAGE],
        '/camera/color/image_raw/compressed': [COMPRESSED],
    }
    raw = _facts(RGB)
    assert remappings(raw, topics) == [
        '-r rgb/image:=/camera/color/image_raw',
        '-r rgb/image:=/front/image_raw',
    ]
    compressed = _facts(RGB, type=COMPRESSED, topic='/rgb/image/compressed')
    assert remappings(compressed, topics) == ['-r rgb/image:=/camera/color/image_raw']


def test_message_types_are_named_as_ros_tools_do():
    assert (type_name(Image), type_name(CompressedImage)) == (IMAGE, COMPRESSED)


PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


@pytest.mark.parametrize('names', [PROFILES, ('FASTDDS_BUILTIN_TRANSPORTS',)])
def test_fast_dds_needs_a_profile_only_where_it_has_none(names):
    hint = profile_hint('rmw_fastrtps_cpp', {})
    assert 'FASTRTPS_DEFAULT_PROFILES_FILE' in hint and 'fastdds_profile.xml' in hint
    assert profile_hint('rmw_fastrtps_cpp', dict.fromkeys(names, 'set')) == ''
    assert profile_hint('rmw_cyclonedds_cpp', {}) == ''


@pytest.fixture
def start(tiny_bundle):
    made = []

    def node(**parameters):
        given = {name.replace('__', '.'): value for name, value in parameters.items()}
        given = {'engine.bundle': str(tiny_bundle), 'engine.threads': 1, **given}
        made.append(NodeThread(given))
        return made[-1]

    yield node
    for item in made:
        item.close()


def test_a_running_node_explains_topic_type_and_stamps(robot, start, monkeypatch, capfd):
    """RGB is published under another name, thermal compressed, and depth with old stamps."""
    monkeypatch.setattr(watch, 'SELF_CHECK_S', 1.0)
    for modality in (RGB, THERMAL):
        robot.live.discard(modality)
        robot.node.destroy_publisher(robot.cameras[modality])
    robot.node.create_publisher(Image, '/camera/color/image_raw', qos.SENSOR)
    robot.node.create_publisher(CompressedImage, 'thermal/image', qos.SENSOR)

    def backdate(message):
        message.header.stamp.sec -= 3600

    robot.alter[DEPTH] = backdate
    start()
    told = []

    def is_explained():
        told[:] = robot.call('self_check', Trigger.Request()).message.splitlines()
        return [line.partition(':')[0] for line in told] == ['rgb', 'thermal', 'depth'] and (
            'stamps lie 3600 s' in told[2]
        )

    robot.until(is_explained)
    assert '-r rgb/image:=/camera/color/image_raw' in told[0]
    assert 'set inputs.thermal.transport to compressed' in told[1]
    log = []

    def is_logged():
        log.append(capfd.readouterr().err)
        return ''.join(log).count('self-check: ') == 3

    robot.until(is_logged)


def test_all_is_well_with_three_cameras(robot, start):
    start()
    robot.until(lambda: active(robot) == 'rgb+thermal+depth')
    robot.until(lambda: robot.call('self_check', Trigger.Request()).success)


def test_a_publisher_that_does_not_fit_is_named_with_the_policy(robot, start):
    start(**{'qos_overrides./rgb/image.subscription.reliability': 'reliable'})
    robot.until(lambda: robot.states and 'QOS' in robot.states[-1].message)
    assert active(robot) == 'thermal+depth'
    detail = next(p.value for p in robot.states[-1].values if p.key == 'rgb.detail')
    assert 'RELIABILITY' in detail
    answer = robot.call('self_check', Trigger.Request())
    assert not answer.success
    assert 'quality of service of /rgb/image' in answer.message
    assert 'eliab' in answer.message


def test_a_refusal_is_forgotten_with_the_publisher_that_left_while_nobody_listened(robot, start):
    start(**{'qos_overrides./rgb/image.subscription.reliability': 'reliable'})
    robot.until(lambda: reason(robot, RGB) == 'QOS')
    assert robot.transition(DEACTIVATE)
    robot.live.remove(RGB)
    robot.node.destroy_publisher(robot.cameras.pop(RGB))
    robot.node.create_publisher(Image, 'rgb/image', qos.RELIABLE_SENSOR)
    robot.run(0.5)
    robot.states.clear()
    assert robot.transition(ACTIVATE)
    robot.until(lambda: active(robot) == 'thermal+depth')
    robot.run(1.0)
    assert {values(state)['rgb'] for state in robot.states} == {'WAITING'}
