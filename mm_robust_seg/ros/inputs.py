"""The node's input topics: one image and one camera_info subscription per enabled sensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros import qos
from mm_robust_seg.ros.conversions import raw_image
from mm_robust_seg.ros.foreign_encodings import translated


class Inputs:
    """Subscriptions to the enabled sensors.

    Args:
        node: owns the subscriptions.
        config: which sensors, and how they are transported.
        receive: is given every image, whatever is wrong with it.
        report: is told what ``receive`` raised.
    """

    def __init__(
        self,
        node: Node,
        config: InputsConfig,
        receive: Callable[[RawImage], None],
        report: Callable[[Exception], None],
    ) -> None:
        self._node, self._receive, self._report = node, receive, report
        self._camera_infos: dict[Modality, CameraInfo] = {}
        self._images = {m: self._subscribe(m, config[m].transport) for m in config.enabled}
        self._infos = {
            m: node.create_subscription(
                CameraInfo, f'{m}/camera_info', partial(self._on_camera_info, m), qos.SENSOR
            )
            for m in config.enabled
        }

    def _subscribe(self, modality: Modality, transport: str) -> Subscription:
        callback = partial(self._on_image, modality)
        topic = f'{modality}/image'
        if transport == 'raw':
            return self._node.create_subscription(Image, topic, callback, qos.SENSOR)
        # As image_transport does: the suffix follows the name after remapping.
        topic = f'{self._node.resolve_topic_name(topic)}/compressed'
        return self._node.create_subscription(CompressedImage, topic, callback, qos.SENSOR)

    def close(self) -> None:
        """Destroy the subscriptions."""
        for subscription in (*self._images.values(), *self._infos.values()):
            self._node.destroy_subscription(subscription)

    def camera_info(self, modality: Modality) -> CameraInfo | None:
        """Return the last parameters of a camera, if it has told any."""
        return self._camera_infos.get(modality)

    def publisher_counts(self) -> Mapping[Modality, int]:
        """Return how many publishers each image topic has."""
        return {
            modality: self._node.count_publishers(subscription.topic_name)
            for modality, subscription in self._images.items()
        }

    def _on_image(self, modality: Modality, message: Any) -> None:
        try:
            self._receive(translated(raw_image(message, modality), message))
        except Exception as error:
            self._report(error)

    def _on_camera_info(self, modality: Modality, message: CameraInfo) -> None:
        self._camera_infos[modality] = message
