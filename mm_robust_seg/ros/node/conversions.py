# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Between ROS messages and the package's own types; image bytes are never copied on the way in.

Messages are read by their attributes, so that a bag reader's messages work like rclpy's.
"""

from __future__ import annotations

from array import array
from typing import Any

from builtin_interfaces.msg import Time
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality

_NS_PER_S = 1_000_000_000


def stamp_ns(stamp: Any) -> int:
    """Return a builtin_interfaces/Time in nanoseconds."""
    return int(stamp.sec) * _NS_PER_S + int(stamp.nanosec)


def time_message(time_ns: int) -> Time:
    """Return a builtin_interfaces/Time; one outside its range becomes the nearest it can hold."""
    sec, nanosec = divmod(time_ns, _NS_PER_S)
    return Time(sec=min(max(sec, -(2**31)), 2**31 - 1), nanosec=nanosec)


def header(time_ns: int, frame_id: str) -> Header:
    """Return a std_msgs/Header."""
    return Header(stamp=time_message(time_ns), frame_id=frame_id)


def raw_image(message: Any, modality: Modality) -> RawImage:
    """Wrap a sensor_msgs/Image or CompressedImage; its bytes are viewed, not copied."""
    common = {
        'modality': modality,
        'stamp_ns': stamp_ns(message.header.stamp),
        'data': memoryview(message.data),
        'frame_id': message.header.frame_id,
    }
    if hasattr(message, 'format'):
        encoding = f'compressed {message.format}'
        return RawImage(**common, height_px=0, width_px=0, encoding=encoding, step_bytes=0)
    return RawImage(
        **common,
        height_px=message.height,
        width_px=message.width,
        encoding=message.encoding,
        step_bytes=message.step,
        is_bigendian=bool(message.is_bigendian),
    )


def image_message(image: NDArray[Any], encoding: str, header: Header) -> Image:
    """Return a sensor_msgs/Image of an (H, W) or (H, W, C) array in ``encoding``.

    rclpy takes an ``array.array`` as it is; it converts bytes and NumPy arrays element by element,
    which takes 50 to 300 ms for an image of a megabyte.
    """
    height_px, width_px = image.shape[:2]
    pixels = np.ascontiguousarray(image).reshape(-1).view(np.uint8)
    data = array('B')
    data.frombytes(pixels.data)
    return Image(
        header=header,
        height=height_px,
        width=width_px,
        encoding=encoding,
        is_bigendian=False,
        step=pixels.size // height_px,
        data=data,
    )
