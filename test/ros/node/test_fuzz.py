# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whatever a driver sends, the node lives, allocates no more than it was sent, and recovers."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
import tracemalloc

from cameras import Cameras
from hypothesis import given, HealthCheck, Phase, settings
from hypothesis import strategies as st
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from builtin_interfaces.msg import Time
import hostile
from hostile import UINT32_MAX
from lifecycle_msgs.msg import Transition
from rclpy.serialization import serialize_message
from robot import NodeProcess, Robot, values
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame, Reason, Rejection
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import raw_image, stamp_ns
from mm_robust_seg.stages.sensors import decode

pytestmark = pytest.mark.ros

INPUTS = InputsConfig()
RGB, THERMAL, DEPTH = Modality
FIXED_BYTES = 64_000
"""What objects of Python and a first use of a module may take, whatever the message."""


def image(fields: dict) -> Image:
    sec, nanosec = fields['stamp']
    rest = {key: value for key, value in fields.items() if key not in ('data', 'stamp')}
    header = Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id='camera')
    return Image(header=header, data=array('B', fields['data']), **rest)


def compressed(data: bytes, text: str = 'png', stamp: tuple[int, int] = (1, 0)) -> CompressedImage:
    header = Header(stamp=Time(sec=stamp[0], nanosec=stamp[1]), frame_id='camera')
    return CompressedImage(header=header, format=text, data=array('B', data))


def peak_bytes(action: Callable[[], object]) -> tuple[object, int]:
    """Return what ``action`` returns, and the most memory it held at once."""
    tracemalloc.start()
    try:
        result = action()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def check_decoded(message: Image | CompressedImage, modality: Modality, limit_bytes: int) -> None:
    raw = raw_image(message, modality)
    result, peak = peak_bytes(lambda: decode(raw, INPUTS, 9))
    assert peak <= limit_bytes + FIXED_BYTES
    if isinstance(result, Frame):
        assert result.image.nbytes <= limit_bytes
        assert np.isfinite(result.image).all()
    else:
        assert isinstance(result, Rejection)
        assert result.reason in (Reason.FORMAT, Reason.TRUNCATED)
        assert result.detail and len(result.detail) < 400
    assert result.stamp_ns == stamp_ns(message.header.stamp)


@settings(max_examples=300, deadline=None)
@given(hostile.images | hostile.whole_images(), hostile.modalities)
def test_an_image_allocates_no_more_than_it_holds(fields, modality):
    # 8-bit thermal becomes float32, with masks of the valid pixels beside it.
    check_decoded(image(fields), modality, 9 * len(fields['data']))


@settings(max_examples=200, deadline=None)
@given(hostile.compressed_data(), hostile.formats, hostile.stamps, hostile.modalities)
def test_a_compressed_image_allocates_no_more_than_it_can_hold(data, text, stamp, modality):
    # deflate unpacks a byte into 1032 of them; a grey pixel of one bit becomes three bytes.
    check_decoded(compressed(data, text, stamp), modality, 8 * 1032 * 4 * len(data))


@pytest.mark.parametrize(
    'bomb',
    [
        hostile.png_claiming(60_000, 60_000),
        hostile.png_claiming(5_000, 5_000),
        hostile.png_claiming(UINT32_MAX, UINT32_MAX, 8, 2),
        hostile.jpeg_claiming(65_535, 65_535),
        hostile.jpeg_claiming(5_000, 5_000),
    ],
    ids=['png 60000', 'png 5000', 'png 2^32', 'jpeg 65535', 'jpeg 5000'],
)
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(bomb):
    raw = raw_image(compressed(bomb), RGB)
    result, peak = peak_bytes(lambda: decode(raw, INPUTS, 9))
    assert isinstance(result, Rejection)
    assert peak < FIXED_BYTES


def test_the_memory_of_an_unpacked_image_is_seen():
    """The tests above would be worth nothing otherwise."""
    content = hostile.packed('.png', np.full((400, 500), 7, np.uint16))
    result, peak = peak_bytes(lambda: decode(raw_image(compressed(content), DEPTH), INPUTS, 9))
    assert isinstance(result, Frame)
    assert peak > 400 * 500 * 2 > FIXED_BYTES


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],  # to shrink a failure takes many minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(hostile.images | hostile.whole_images(), hostile.modalities),
        min_size=1,
        max_size=8,
    )
)
def test_no_sequence_of_images_breaks_the_pipeline(make_cameras, messages):
    rig: Cameras = make_cameras()
    rig.play(3)
    for fields, modality in messages:
        rig.pipeline.offer(raw_image(image(fields), modality), rig.now_ns)
        mask = rig.pipeline.step(rig.now_ns)
        if mask is not None:
            assert mask.labels.shape == mask.reference.image.shape[:2]
        rig.play(1)
    for modality in Modality:
        assert rig.pipeline.assess(rig.now_ns).sensors[modality].detail
    masks = rig.play(100)
    assert masks[-1].combination == COMPLETE, 'it recovers as soon as the cameras are sane'


def on_the_wire() -> list[bytes]:
    """Serialised messages that no client library writes: lying lengths, text that is none."""
    good = bytearray(serialize_message(image({**GOOD, 'encoding': 'mono16', 'data': bytes(40)})))
    lengths = [at for at in range(4, len(good) - 3, 4) if good[at : at + 4] == b'\x28\0\0\0']
    lies = []
    for at in lengths:
        for claimed in (UINT32_MAX, 2**31 - 1, 41, 0):
            lie = bytearray(good)
            lie[at : at + 4] = claimed.to_bytes(4, 'little')
            lies.append(bytes(lie))
    text = bytearray(good)
    at = text.index(b'mono16')
    text[at : at + 6] = b'\xff\xfe\xc3\x28\xed\xa0'
    return [*lies, bytes(text), bytes(good[: len(good) // 2])]


GOOD = {'height': 4, 'width': 5, 'step': 10, 'is_bigendian': 0, 'stamp': (1, 0)}


@pytest.mark.slow
def test_a_live_node_survives_them_all(ros_domain, robot, tiny_bundle, tmp_path):
    """Depth is compressed here, so that both kinds of message reach the node."""
    parameters = {
        'engine.bundle': tiny_bundle,
        'engine.threads': 1,
        'inputs.depth.transport': 'compressed',
    }
    node = NodeProcess(tmp_path / 'node.log', parameters)
    try:
        _survive(robot, node)
    finally:
        code, log = node.stop()
    assert (code, 'Traceback' in log) == (0, False), log


def _survive(robot: Robot, node: NodeProcess) -> None:
    assert robot.transition(Transition.TRANSITION_CONFIGURE)
    assert robot.transition(Transition.TRANSITION_ACTIVATE)
    robot.until(lambda: _active(robot) == 'rgb+thermal')
    before_kib = _resident_kib(node)
    raw = [robot.node.create_publisher(Image, f'{m}/image', qos.SENSOR) for m in (RGB, THERMAL)]
    packed = robot.node.create_publisher(CompressedImage, 'depth/image/compressed', qos.SENSOR)
    robot.until(lambda: all(p.get_subscription_count() for p in (*raw, packed)))
    sample = _Sample()
    for number in range(150):
        raw[number % 2].publish(image(sample.image()))
        packed.publish(compressed(sample.compressed()))
        robot.run(0.01)
    for content in on_the_wire():
        raw[0].publish(content)
        robot.run(0.02)
    assert node.is_alive(), node.log.read_text()
    robot.live.discard(DEPTH)
    robot.until(lambda: _active(robot) == 'rgb+thermal')
    count = len(robot.masks)
    robot.until(lambda: len(robot.masks) >= count + 10)
    assert robot.state() == 'active'
    assert _resident_kib(node) - before_kib < 60_000


def _active(robot: Robot) -> str:
    return values(robot.states[-1])['active'] if robot.states else ''


def _resident_kib(node: NodeProcess) -> int:
    status = Path(f'/proc/{node.pid}/status').read_text(encoding='utf-8')
    return int(status.split('VmRSS:')[1].split()[0])


class _Sample:
    """Messages of the fuzz tests, the same in every run."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def image(self) -> dict:
        rng = self._rng
        sides = [0, 1, 5, 64, 65_536, 2**31, UINT32_MAX]
        encoding = str(rng.choice([*hostile.KNOWN, *hostile.ODD, 'é\n\t"%s{}']))
        if rng.random() < 0.5:
            height, width = int(rng.integers(1, 6)), int(rng.integers(1, 2000))
            step = width * int(rng.choice([1, 2, 3, 4]))
            size = height * step
        else:
            height, width, step = (int(side) for side in rng.choice(sides, 3))
            size = int(rng.integers(0, 500))
        return {
            'height': height,
            'width': width,
            'step': step,
            'encoding': encoding,
            'is_bigendian': int(rng.integers(0, 256)),
            'data': rng.bytes(size) if rng.random() < 0.7 else b'\xff' * size,
            'stamp': (
                int(rng.choice([-(2**31), -1, 0, 2**31 - 1])),
                int(rng.choice([0, 999_999_999, UINT32_MAX])),
            ),
        }

    def compressed(self) -> bytes:
        rng = self._rng
        height, width = (int(side) for side in rng.choice([0, 1, 64, 5000, 60_000], 2))
        kind = int(rng.integers(4))
        if kind == 0:
            return hostile.png_claiming(height, width)
        if kind == 1:
            return hostile.jpeg_claiming(height, width)
        content = bytearray(hostile.packed('.png', rng.integers(0, 9999, (48, 64), np.uint16)))
        if kind == 2:
            return bytes(content[: int(rng.integers(len(content)))])
        content[int(rng.integers(len(content)))] ^= 0xFF
        return bytes(content)
