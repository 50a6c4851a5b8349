# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node's output topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import json
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String

from mm_robust_seg.bundle import Bundle, SegmentationClass
from mm_robust_seg.dataflow import HealthLevel, Segmentation
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.report.views import camera_view, caption, colorize, overlay
from mm_robust_seg.ros.node import diagnostics, qos
from mm_robust_seg.ros.node.conversions import header, image_message, time_message
from mm_robust_seg.ros.node.diagnostics import Deliveries, Delivery, State
from mm_robust_seg.ros.node.threads.engine_thread import EngineState
from mm_robust_seg.ros.node.threads.load import Load

try:  # not part of every installation
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = VisionClass = None

_QUIET_S = 60.0


class Departures:
    """Publishes masks, pictures, labels and state; pictures only for subscribers.

    Args:
        node: owns the publishers and the clock.
        bundle: says what the classes are, and which adapter a combination has.
        camera_infos: the last parameters of each camera that has told any.
        now_ns: the present on the node's clock.
        load: says what is given up while the machine has too little time.
    """

    def __init__(
        self,
        node: Node,
        bundle: Bundle,
        camera_infos: Mapping[Modality, CameraInfo],
        now_ns: Callable[[], int],
        load: Load,
    ) -> None:
        self._load = load
        self._node, self._bundle, self._camera_infos = node, bundle, camera_infos
        self._now_ns = now_ns
        self._name = node.get_fully_qualified_name().lstrip('/')
        self._classes = bundle.classes
        self._deliveries = Deliveries()
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

    @property
    def masks(self) -> int:
        """How many were published."""
        return self._deliveries.count

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

    def publish(self, result: Segmentation) -> None:
        """Publish everything about one mask, the mask first."""
        self._publish_mask(result)
        adapter = self._bundle.adapters.get(result.combination)
        name = adapter.stem if adapter is not None else 'none'
        delivery = Delivery(result, published_ns=self._now_ns(), adapter=name)
        self._deliveries.add(delivery)
        stamped = header(result.header_stamp_ns, result.reference.frame_id)
        status = diagnostics.frame_info(f'{self._name}: frame', delivery)
        self._frame_info.publish(DiagnosticArray(header=stamped, status=[status]))
        self.publish_pictures(result)

    def _publish_mask(self, result: Segmentation) -> None:
        """Publish the mask, and the camera's parameters where they are known."""
        stamped = header(result.header_stamp_ns, result.reference.frame_id)
        self._mask.publish(image_message(result.labels, 'mono8', stamped))
        camera_info = self._camera_infos.get(result.reference.modality)
        if camera_info is not None:
            camera_info.header = stamped
            self._camera_info.publish(camera_info)

    def publish_pictures(self, result: Segmentation) -> None:
        """Publish confidence and the pictures that somebody has subscribed to."""
        stamped, now_s = (
            header(result.header_stamp_ns, result.reference.frame_id),
            time.monotonic(),
        )
        if self._confidence.get_subscription_count() and self._load.admits_confidence(now_s):
            self._confidence.publish(image_message(result.confidence, 'mono8', stamped))
        if not self._load.admits_pictures(now_s):
            return
        if self._color_mask.get_subscription_count():
            picture = colorize(result.labels, self._classes)
            self._color_mask.publish(image_message(picture, 'rgb8', stamped))
        if self._overlay.get_subscription_count():
            text = caption(result.combination, result.report)
            view = camera_view(result.reference.modality, result.reference.image)
            picture = overlay(view, result.labels, self._classes, text)
            self._overlay.publish(image_message(picture, 'rgb8', stamped))
        thermal = result.frames.frames.get(Modality.THERMAL)
        if thermal is not None and self._thermal_view.get_subscription_count():
            view = camera_view(thermal.modality, thermal.image)[..., 0]
            own = header(thermal.header_stamp_ns, thermal.frame_id)
            self._thermal_view.publish(image_message(view, 'mono8', own))

    def publish_state(self, state: State, engine: EngineState) -> None:
        """Latch the state of the modalities, and publish all diagnostics."""
        now_ns = state.report.now_ns
        modality = diagnostics.modality_state(f'{self._name}: modality', state)
        sensors, parts = state.report.sensors, state.report.taking_part
        topic = self._mask.topic_name
        rivals = diagnostics.several_publishers(topic, self._node.count_publishers(topic))
        if rivals:
            self._node.get_logger().warning(rivals, throttle_duration_sec=_QUIET_S)
        statuses = [
            *(diagnostics.sensor_status(self._name, h, parts.get(m)) for m, h in sensors.items()),
            modality,
            diagnostics.engine_status(self._name, engine, {'bundle': self._bundle.name}),
            diagnostics.output_status(
                self._name,
                engine,
                {**self._deliveries.summary(now_ns), **self._load.values()},
                rivals,
                self._load.message,
            ),
        ]
        self._state.publish(modality)
        stamped = Header(stamp=time_message(now_ns))
        self._diagnostics.publish(DiagnosticArray(header=stamped, status=statuses))

    def publish_inactive(self) -> None:
        """Latch that nothing runs, for those who would take the last state for the present."""
        values = {'active': ModalitySet(), 'previous': ModalitySet()}
        name, why = f'{self._name}: modality', 'the node is not active'
        self._state.publish(diagnostics.status(HealthLevel.STALE, name, why, values))


def labels_json(classes: Sequence[SegmentationClass]) -> str:
    """Return ``{"0": {"name": ..., "color": [r, g, b]}, ...}``; 255 is unlabeled."""
    entries: dict[str, Any] = {
        str(index): {'name': item.name, 'color': list(item.color)}
        for index, item in enumerate(classes)
    }
    entries['255'] = {'name': 'unlabeled', 'color': [0, 0, 0]}
    return json.dumps(entries)
