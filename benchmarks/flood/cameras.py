# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Cameras of a flood, one process: thermal and depth as they should be, or RGB gone wild.

Example: python -m benchmarks.flood.cameras --flood 'encoding of 1 MB'
"""

from __future__ import annotations

import argparse
from array import array
import signal
import threading

import numpy as np
import rclpy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from benchmarks.flood.messages import FLOODS
from mm_robust_seg.ros.node import qos

GOOD_HZ = 15.0
_HEIGHT_PX, _WIDTH_PX, _IMAGES = 240, 320, 8


def main() -> None:
    """Publish until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--flood', choices=FLOODS, help='what RGB sends; without: the others')
    arguments, _ = parser.parse_known_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('wild_camera' if arguments.flood else 'good_cameras')
    if arguments.flood:
        flood = FLOODS[arguments.flood]
        message, rate_hz = flood.make(), flood.rate_hz
        suffix = '' if isinstance(message, Image) else '/compressed'
        publishers = [(node.create_publisher(type(message), f'rgb/image{suffix}', qos.SENSOR))]
        messages = [[message]]
    else:
        rate_hz, messages = GOOD_HZ, [_images(290.0, 2.0, 100), _images(4.0, 1.0, 1000)]
        publishers = [
            node.create_publisher(Image, f'{name}/image', qos.SENSOR)
            for name in ('thermal', 'depth')
        ]
    number = 0
    while not stopping.wait(1 / rate_hz):
        stamp = node.get_clock().now().to_msg()
        for publisher, choices in zip(publishers, messages, strict=True):
            choice: Image | CompressedImage = choices[number % len(choices)]
            choice.header.stamp = stamp
            publisher.publish(choice)
        number += 1
    node.destroy_node()
    rclpy.try_shutdown()


def _images(mean: float, spread: float, steps: int) -> list[Image]:
    """Return 16-bit images of noise around a value in units of the sensor."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(_IMAGES):
        values = rng.normal(mean, spread, (_HEIGHT_PX, _WIDTH_PX)).clip(0.5) * steps
        data = array('B', values.astype('<u2').tobytes())
        image = Image(height=_HEIGHT_PX, width=_WIDTH_PX, encoding='16UC1', step=2 * _WIDTH_PX)
        image.data = data
        made.append(image)
    return made


if __name__ == '__main__':
    main()
