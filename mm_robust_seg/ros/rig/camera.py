# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One camera of the simulated rig: its topics, and what its faults do to them."""

from __future__ import annotations

from array import array
import math

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import header
from mm_robust_seg.simulation import Capture
from mm_robust_seg.simulation.faults import Carrier, Fault, FaultInjector, FaultSpec, Sent
from mm_robust_seg.simulation.scenario import Scenario
from mm_robust_seg.simulation.world.camera import HORIZONTAL_VIEW_RAD

FRAME_ID = 'rgb_camera_optical_frame'
"""Z forward, x right, y down (REP 103); common to the three, which share one pinhole."""


class Camera:
    """Publishes ``<modality>/image`` and ``<modality>/camera_info``.

    A camera that will inject ``qos_mismatch`` offers reliable images, and best-effort ones while
    it does: a subscription that requests reliability then hears nothing. One that does not, such
    as the segmentation node's with its defaults, matches whatever a ROS publisher can offer.
    """

    def __init__(
        self,
        node: Node,
        modality: Modality,
        scenario: Scenario,
        rate_hz: float,
        size_px: tuple[int, int],
    ) -> None:
        self.modality = modality
        self.rate_hz = scenario.rates_hz.get(modality, rate_hz)
        seed, period_ns = scenario.seed, round(1e9 / self.rate_hz)
        self._node = node
        self._injector = FaultInjector(modality, seed)
        self._carrier = Carrier(
            modality, seed, period_ns, scenario.jitter_ratio, scenario.loss_ratio
        )
        faults = [phase.faults.get(modality) for phase in scenario.phases]
        is_choosy = Fault.QOS_MISMATCH in [fault.kind for fault in faults if fault]
        self._offered = qos.RELIABLE_SENSOR if is_choosy else qos.SENSOR
        self._info = camera_info(*size_px)
        self._fault: FaultSpec | None = None
        self._images: Publisher | None = None
        self._infos: Publisher | None = None
        self._open(self._offered)

    @property
    def is_heard(self) -> bool:
        """Whether somebody has subscribed to the images."""
        return self._images is not None and bool(self._images.get_subscription_count())

    def inject(self, fault: FaultSpec | None) -> None:
        """Have this fault, or none, from now on."""
        before, self._fault = self._fault, fault
        kinds = [spec.kind for spec in (before, fault) if spec]
        if before == fault or not {Fault.GONE, Fault.QOS_MISMATCH} & set(kinds):
            return
        outgoing = [*filter(None, (self._images, self._infos))]
        self._images = self._infos = None
        if fault is None or fault.kind is not Fault.GONE:
            is_poor = fault is not None and fault.kind is Fault.QOS_MISMATCH
            self._open(qos.SENSOR if is_poor else self._offered)
        for publisher in outgoing:  # last, so that a change of QoS does not look like GONE
            self._node.destroy_publisher(publisher)

    def take(self, capture: Capture, due_ns: int, stamp_ns: int) -> list[Sent]:
        """Return what is to be published of a capture, and when."""
        pixels = capture[self.modality]
        data = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
        height_px, width_px = pixels.shape[:2]
        image = RawImage(
            self.modality,
            stamp_ns,
            height_px,
            width_px,
            KINDS[self.modality].file_encodings[pixels.dtype.name],
            data.size // height_px,
            data,
            frame_id=FRAME_ID,
        )
        return self._carrier.carry(self._injector.inject(image, due_ns, self._fault))

    def publish(self, image: RawImage) -> None:
        """Publish one image, unless the publisher is gone."""
        if self._images is None or self._infos is None:
            return
        message = image_message(image)
        self._info.header = message.header
        self._infos.publish(self._info)
        self._images.publish(message)

    def _open(self, offered: QoSProfile) -> None:
        create = self._node.create_publisher
        self._images = create(Image, f'{self.modality}/image', offered)
        self._infos = create(CameraInfo, f'{self.modality}/camera_info', qos.SENSOR)


def image_message(image: RawImage) -> Image:
    """Return the sensor_msgs/Image of an uncompressed image."""
    data = array('B')
    data.frombytes(np.frombuffer(image.data, np.uint8).data)
    return Image(
        header=header(image.stamp_ns, image.frame_id),
        height=image.height_px,
        width=image.width_px,
        encoding=image.encoding,
        is_bigendian=image.is_bigendian,
        step=image.step_bytes,
        data=data,
    )


def camera_info(width_px: int, height_px: int) -> CameraInfo:
    """Return the parameters of the rig's pinhole, common to the three cameras."""
    focal_px = 0.5 * width_px / math.tan(HORIZONTAL_VIEW_RAD / 2)
    u, v = (width_px - 1) / 2, (height_px - 1) / 2
    return CameraInfo(
        height=height_px,
        width=width_px,
        distortion_model='plumb_bob',
        d=[0.0] * 5,
        k=[focal_px, 0.0, u, 0.0, focal_px, v, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[focal_px, 0.0, u, 0.0, 0.0, focal_px, v, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
