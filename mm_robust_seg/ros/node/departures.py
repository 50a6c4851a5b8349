"""The node's output topics."""

from __future__ import annotations

from collections.abc import Sequence
import json
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String

from mm_robust_seg.bundle import Bundle, SegmentationClass
from mm_robust_seg.dataflow import Frame, HealthLevel, Segmentation
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.report.views import camera_view, caption, colorize, overlay
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import header, image_message, time_message
from mm_robust_seg.ros.node.diagnostics import status

try:  # not part of every installation
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = VisionClass = None


class Outputs:
    """Publishers of masks, pictures, labels and state; pictures only for subscribers."""

    def __init__(self, node: Node, bundle: Bundle) -> None:
        self._node = node
        self._classes = bundle.classes
        self._publishers: list[Publisher] = []
        self._mask = self._create(Image, '~/mask', qos.MASK)
        self._confidence = self._create(Image, '~/confidence', qos.MASK)
        self._color_mask = self._create(Image, '~/color_mask', qos.MASK)
        self._overlay = self._create(Image, '~/overlay', qos.MASK)
        self._thermal_view = self._create(Image, '~/thermal_view', qos.MASK)
        self._camera_info = self._create(CameraInfo, '~/camera_info', qos.MASK)
        self._frame_info = self._create(DiagnosticArray, '~/frame_info', qos.EVENTS)
        self._state = self._create(DiagnosticStatus, '~/modality_state', qos.LATCHED)
        self._diagnostics = self._create(DiagnosticArray, '/diagnostics', qos.EVENTS)
        self._labels = self._create(String, '~/labels', qos.LATCHED)
        if LabelInfo is not None:
            self._label_info = self._create(LabelInfo, '~/label_info', qos.LATCHED)

    def _create(self, message_type: type, topic: str, profile: QoSProfile) -> Publisher:
        publisher = self._node.create_publisher(message_type, topic, profile)
        self._publishers.append(publisher)
        return publisher

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)

    def publish_labels(self) -> None:
        """Latch what the ids in the mask mean."""
        self._labels.publish(String(data=labels_json(self._classes)))
        if LabelInfo is not None:
            stamp = Header(stamp=self._node.get_clock().now().to_msg())
            class_map = [
                VisionClass(class_id=index, class_name=item.name)
                for index, item in enumerate(self._classes)
            ]
            self._label_info.publish(LabelInfo(header=stamp, class_map=class_map, threshold=0.0))

    def publish_mask(self, result: Segmentation, camera_info: CameraInfo | None) -> None:
        """Publish the mask, and the camera's parameters where they are known."""
        stamped = header(result.stamp_ns, result.reference.frame_id)
        self._mask.publish(image_message(result.labels, 'mono8', stamped))
        if camera_info is not None:
            camera_info.header = stamped
            self._camera_info.publish(camera_info)

    def publish_pictures(self, result: Segmentation, thermal: Frame | None) -> None:
        """Publish confidence and the pictures that somebody has subscribed to."""
        stamped = header(result.stamp_ns, result.reference.frame_id)
        if self._confidence.get_subscription_count():
            self._confidence.publish(image_message(result.confidence, 'mono8', stamped))
        if self._color_mask.get_subscription_count():
            picture = colorize(result.labels, self._classes)
            self._color_mask.publish(image_message(picture, 'rgb8', stamped))
        if self._overlay.get_subscription_count():
            text = caption(result.combination, result.report)
            view = camera_view(result.reference.modality, result.reference.image)
            picture = overlay(view, result.labels, self._classes, text)
            self._overlay.publish(image_message(picture, 'rgb8', stamped))
        if thermal is not None and self._thermal_view.get_subscription_count():
            view = camera_view(thermal.modality, thermal.image)[..., 0]
            own = header(thermal.stamp_ns, thermal.frame_id)
            self._thermal_view.publish(image_message(view, 'mono8', own))

    def publish_frame_info(self, result: Segmentation, status: DiagnosticStatus) -> None:
        """Publish how the mask of the same stamp came to be."""
        stamped = header(result.stamp_ns, result.reference.frame_id)
        self._frame_info.publish(DiagnosticArray(header=stamped, status=[status]))

    def publish_state(
        self, now_ns: int, state: DiagnosticStatus, diagnostics: Sequence[DiagnosticStatus]
    ) -> None:
        """Latch the state of the modalities, and publish all diagnostics."""
        self._state.publish(state)
        stamped = Header(stamp=time_message(now_ns))
        self._diagnostics.publish(DiagnosticArray(header=stamped, status=list(diagnostics)))

    def publish_inactive(self, node: str) -> None:
        """Latch that nothing runs, for those who would take the last state for the present."""
        values = {'active': ModalitySet(), 'previous': ModalitySet()}
        name = f'{node}: modality'
        self._state.publish(status(HealthLevel.STALE, name, 'the node is not active', values))


def labels_json(classes: Sequence[SegmentationClass]) -> str:
    """Return ``{"0": {"name": ..., "color": [r, g, b]}, ...}``; 255 is unlabeled."""
    entries: dict[str, Any] = {
        str(index): {'name': item.name, 'color': list(item.color)}
        for index, item in enumerate(classes)
    }
    entries['255'] = {'name': 'unlabeled', 'color': [0, 0, 0]}
    return json.dumps(entries)
