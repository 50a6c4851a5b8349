# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Messages in and out: nothing is lost, nothing is copied on the way in."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from sensor_msgs.msg import CompressedImage, Image

from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node.conversions import (
    header,
    image_message,
    raw_image,
    stamp_ns,
    time_message,
)

pytestmark = pytest.mark.ros


@given(st.integers(-(2**31) * 10**9, 2**31 * 10**9 - 1))
def test_times_survive_the_round_trip(time_ns):
    assert stamp_ns(time_message(time_ns)) == time_ns


@given(st.integers(min_value=2**31 * 10**9, max_value=2**70))
def test_a_time_beyond_the_message_becomes_the_last_second(time_ns):
    assert time_message(time_ns).sec == 2**31 - 1
    assert time_message(-time_ns - 10**9).sec == -(2**31)


@pytest.mark.parametrize(
    ('encoding', 'shape', 'dtype'),
    [
        ('rgb8', (3, 5, 3), np.uint8),
        ('mono8', (3, 5), np.uint8),
        ('mono16', (3, 5), np.uint16),
        ('32FC1', (3, 5), np.float32),
    ],
)
def test_an_image_survives_the_round_trip(encoding, shape, dtype):
    image = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    message = image_message(image, encoding, header(1_500_000_007, 'camera'))
    raw = raw_image(message, Modality.THERMAL)
    assert (raw.modality, raw.stamp_ns) == (Modality.THERMAL, 1_500_000_007)
    assert (raw.frame_id, raw.encoding) == ('camera', encoding)
    assert (raw.height_px, raw.width_px) == shape[:2]
    assert raw.step_bytes == image.nbytes // shape[0]
    assert np.array_equal(np.frombuffer(raw.data, dtype).reshape(shape), image)


def test_a_view_with_gaps_is_published_without_them():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)[::2, ::2]
    message = image_message(image, 'mono8', header(0, ''))
    assert bytes(message.data) == image.tobytes()


def test_image_bytes_are_not_copied_on_the_way_in():
    message = image_message(np.zeros((4, 4), np.uint8), 'mono8', header(0, ''))
    raw = raw_image(message, Modality.DEPTH)
    message.data[5] = 77
    assert raw.data[5] == 77


def test_big_endian_messages_stay_marked():
    assert raw_image(Image(is_bigendian=1), Modality.DEPTH).is_bigendian is True


def test_an_empty_message_is_passed_on():
    raw = raw_image(Image(), Modality.RGB)
    assert (raw.height_px, raw.width_px, len(raw.data)) == (0, 0, 0)


def test_a_compressed_image_carries_its_format():
    message = CompressedImage(format='16UC1; png compressed')
    message.data.frombytes(b'abc')
    raw = raw_image(message, Modality.DEPTH)
    assert raw.encoding == 'compressed 16UC1; png compressed'
    assert bytes(raw.data) == b'abc'


def test_messages_of_a_bag_reader_work_as_well():
    message = SimpleNamespace(
        header=SimpleNamespace(stamp=SimpleNamespace(sec=2, nanosec=3), frame_id='f'),
        height=1,
        width=2,
        encoding='mono8',
        step=2,
        is_bigendian=0,
        data=np.array([8, 9], np.uint8),
    )
    raw = raw_image(message, Modality.RGB)
    assert (raw.stamp_ns, bytes(raw.data)) == (2_000_000_003, b'\x08\x09')
