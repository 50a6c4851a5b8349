# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Findings of the self-check that do not go away while an input is out of use or loses images."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from mm_robust_seg.dataflow import HealthLevel, Reason, SensorHealth
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node.self_check import explain, Facts, IMAGE, Publisher, Surroundings
from mm_robust_seg.ros.node.self_check_facts import profile_hint, sender_hint

PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
AROUND = Surroundings(
    topics={},
    uses_sim_time=False,
    has_clock=False,
    profile_hint='',
    sender_hint=sender_hint('rmw_fastrtps_cpp'),
)


def _facts(reason=Reason.OK, usable=False, rate_hz=None, **changes):
    evidence = {} if rate_hz is None else {'rate_hz': rate_hz}
    health = SensorHealth(
        Modality.THERMAL, HealthLevel.ERROR, reason, usable, 'as told', 0, evidence
    )
    good = Facts(
        name='thermal/image',
        topic='/thermal/image',
        type=IMAGE,
        publishers=[Publisher('/driver', IMAGE)],
        active_s=60.0,
        received=1440,
        lost=0,
        size_bytes=600_000,
        age_s=0.02,
        expected_hz=30.0,
        health=health,
    )
    return replace(good, **changes)


@pytest.mark.parametrize('reason', [Reason.SILENT, Reason.GONE, Reason.ABSENT])
def test_a_sensor_that_is_out_of_use_is_a_finding_however_much_came_before(reason):
    sentence = explain(_facts(reason), AROUND)
    assert sentence.startswith(f'thermal: {reason}: as told; ')
    assert 'ros2 topic hz /thermal/image' in sentence


def test_a_recovery_is_a_finding_when_it_takes_long():
    assert explain(_facts(Reason.RECOVERING, state_s=3.0, rate_hz=30.0), AROUND) == ''
    sentence = explain(_facts(Reason.RECOVERING, state_s=42.0, rate_hz=30.0), AROUND)
    assert sentence == 'thermal: RECOVERING for 42 s: as told'


def test_a_rate_is_that_of_the_last_second():
    """Out for 17 s, back for 25: what did not come then says nothing of now."""
    after_an_outage = {'active_s': 42.0, 'received': 250, 'usable': True}
    assert explain(_facts(rate_hz=30.0, **after_an_outage), AROUND) == ''
    assert explain(_facts(rate_hz=None, **after_an_outage), AROUND) == ''
    slow_now = explain(_facts(rate_hz=9.0, active_s=600.0, received=18_000, usable=True), AROUND)
    assert '9.0 messages per second came; expected 30' in slow_now


@pytest.mark.parametrize(
    'facts',
    [
        _facts(usable=True, rate_hz=6.0, lost=110),
        _facts(usable=True, rate_hz=6.0, lost=110, expected_hz=0.0, received=20),
        _facts(Reason.LOSSY, usable=True, rate_hz=24.0),
        _facts(Reason.SILENT, lost=3),
    ],
    ids=['lost', 'learned', 'lossy', 'silent'],
)
def test_with_messages_lost_it_names_the_profile_of_the_sender(facts):
    sentence = explain(facts, AROUND)
    assert 'the sender needs shared memory' in sentence
    assert all(name in sentence for name in PROFILES)
    assert 'expected_rate_hz' not in sentence


@pytest.mark.parametrize('name', PROFILES)
def test_one_variable_is_not_enough(name):
    """Each version of Fast DDS reads only its own."""
    hint = profile_hint('rmw_fastrtps_cpp', {name: 'set'})
    assert all(name in hint for name in PROFILES)
    assert sender_hint('rmw_cyclonedds_cpp') == ''


@pytest.mark.parametrize(
    ('topic', 'kind'), [('/boson/image_raw', IMAGE), ('/thermal/image', 'another')]
)
def test_a_remapping_is_said_as_an_argument_of_the_launch_files_too(topic, kind):
    absent = {'received': 0, 'age_s': None}
    if kind == IMAGE:
        around = replace(AROUND, topics={topic: [IMAGE]})
        sentence = explain(_facts(Reason.ABSENT, publishers=[], **absent), around)
    else:
        compressed = {'type': 'sensor_msgs/msg/CompressedImage', 'topic': topic}
        sentence = explain(_facts(Reason.ABSENT, **compressed, **absent), AROUND)
    assert f'thermal_topic:={topic}' in sentence


def test_outputs_of_ours_are_no_cameras():
    topics = {'/front/segmentation/thermal_view': [IMAGE], '/rig/truth': [IMAGE]}
    absent = _facts(Reason.ABSENT, publishers=[], received=0, age_s=None)
    assert 'remap' not in explain(absent, replace(AROUND, topics=topics))
