"""ROS for the tests: their own domain, this machine only, and images through shared memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def ros_environment() -> dict[str, str]:
    profile = str(ROOT / 'config' / 'fastdds_profile.xml')
    return {
        'ROS_DOMAIN_ID': str(1 + os.getpid() % 100),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'FASTDDS_DEFAULT_PROFILES_FILE': profile,
        'FASTRTPS_DEFAULT_PROFILES_FILE': profile,
    }


@pytest.fixture(scope='session')
def ros_domain():
    """Set before the first participant exists, since Fast DDS reads its profile only once."""
    os.environ.update(ros_environment())


@pytest.fixture
def ros(ros_domain):
    """An initialised rclpy, shut down after the test."""
    rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
    rclpy.init()
    yield rclpy
    rclpy.try_shutdown()
