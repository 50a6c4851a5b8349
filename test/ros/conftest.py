# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""ROS for the tests: their own domain, this machine only, and images through shared memory."""

from __future__ import annotations

import gc
import os
from pathlib import Path
import socket

import pytest

ROOT = Path(__file__).parents[2]


def ros_environment() -> dict[str, str]:
    profile = str(ROOT / 'config' / 'fastdds_profile.xml')
    return {
        'ROS_DOMAIN_ID': str(quiet_domain()),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'FASTDDS_DEFAULT_PROFILES_FILE': profile,
        'FASTRTPS_DEFAULT_PROFILES_FILE': profile,
    }


def quiet_domain() -> int:
    """A domain whose first participant's port nobody holds (DDSI-RTPS, 9.6.2.3)."""
    for number in range(100):
        domain = 1 + (os.getpid() + number) % 100
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(('', 7410 + 250 * domain))
            except OSError:
                continue
            return domain
    raise AssertionError('every ROS domain is in use')


@pytest.fixture(scope='session')
def ros_settings():
    """Set before the first participant exists, since Fast DDS reads its profile only once."""
    os.environ.update(ros_environment())


@pytest.fixture
def ros_domain(ros_settings):
    """The graph without the lifecycle nodes of earlier tests.

    A destroyed one keeps its participant and the services of its transitions until it is
    collected: it would be found, and asked, in place of the node of the same name.
    """
    gc.collect()


@pytest.fixture
def ros(ros_domain):
    """An initialised rclpy, shut down after the test."""
    rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
    rclpy.init()
    yield rclpy
    rclpy.try_shutdown()


@pytest.fixture
def robot(ros_domain):
    """Three cameras and a client."""
    from robot import Robot

    made = Robot()
    yield made
    made.close()


@pytest.fixture
def process(ros_domain, tiny_bundle, tmp_path):
    """The node, unconfigured; it must end without a traceback when it is told to."""
    from robot import NodeProcess

    made = NodeProcess(tmp_path / 'node.log', {'engine.bundle': tiny_bundle, 'engine.threads': 1})
    yield made
    code, log = made.stop()
    assert (code, 'Traceback' in log) == (0, False), log
