# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Encodings outside the table through cv_bridge, with a stand-in where it is missing."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from sensor_msgs.msg import Image

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame, Reason, Rejection
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import foreign_encodings
from mm_robust_seg.ros.node.conversions import raw_image
from mm_robust_seg.stages.sensors import decode

pytestmark = pytest.mark.ros
PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


class Bridge:
    """Knows one picture, and refuses what is cut short."""

    def imgmsg_to_cv2(self, message, encoding):
        if len(message.data) < message.height * message.step:
            raise TypeError('buffer is too small for requested array')
        assert encoding == 'rgb8'
        if message.encoding == '?':
            raise ValueError('unrecognized image encoding')
        return PICTURE


def received(encoding, modality=Modality.RGB, size=24):
    message = Image(height=4, width=6, step=6, encoding=encoding, data=bytes(size))
    raw = foreign_encodings.translated(raw_image(message, modality), message)
    return decode(raw, InputsConfig(), 0)


@pytest.fixture
def bridge(monkeypatch):
    monkeypatch.setattr(foreign_encodings, 'CvBridge', Bridge)


@pytest.mark.parametrize('encoding', ['nv24', '8UC2', '32FC3'])
def test_foreign_encodings_become_rgb(bridge, encoding):
    frame = received(encoding)
    assert isinstance(frame, Frame)
    assert (frame.image == PICTURE).all()


@pytest.mark.parametrize(
    ('encoding', 'modality', 'size'),
    [
        ('nv24', Modality.RGB, 5),
        ('nv24', Modality.DEPTH, 24),
        ('?', Modality.RGB, 24),
    ],
)
def test_what_cannot_be_translated_is_rejected(bridge, encoding, modality, size):
    item = received(encoding, modality, size)
    assert isinstance(item, Rejection)
    assert item.reason is Reason.FORMAT
    assert encoding in item.detail


def test_without_cv_bridge_the_encoding_is_named(monkeypatch):
    monkeypatch.setattr(foreign_encodings, 'CvBridge', None)
    item = received('nv24')
    assert isinstance(item, Rejection)
    assert "'nv24'; expected one of rgb8" in item.detail


@pytest.mark.parametrize('encoding', ['bayer_rggb8', 'mono8'])
def test_what_the_table_knows_never_goes_through_cv_bridge(bridge, encoding):
    frame = received(encoding)
    assert isinstance(frame, Frame)
    assert not frame.image.any()
