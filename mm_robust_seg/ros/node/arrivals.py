# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node's input topics: one image and one camera_info subscription per enabled sensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import copy
from dataclasses import dataclass
from functools import partial
import time
from typing import Any

from rclpy.node import Node
from rclpy.qos import qos_check_compatible, QoSCompatibility
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.foreign_text import NAME_LENGTH, shortened
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import raw_image
from mm_robust_seg.ros.node.events import event_callbacks
from mm_robust_seg.ros.node.self_check import Publisher, type_name
from mm_robust_seg.ros.node.threads.attendance import Attendance
from mm_robust_seg.ros.node.threads.decoders import Decoders
from mm_robust_seg.ros.node.threads.engine_thread import EngineThread
from mm_robust_seg.transport import IncompatibleQos, LostMessages, PublisherCount, TransportNote

_QUIET_S = 5.0


@dataclass
class Reception:
    """What has come of one sensor since activation.

    Attributes:
        lost: how many messages the middleware says it lost.
        stamp_ns, size_bytes: of the last message; None and 0 before the first.
    """

    received: int = 0
    lost: int = 0
    stamp_ns: int | None = None
    size_bytes: int = 0


class Arrivals:
    """Subscriptions to the enabled sensors; has what comes decoded, beside the others.

    Their reliability, history and depth follow the parameters ``qos_overrides.<topic>.*``, as
    those of ROS tools do.

    Args:
        node: owns the subscriptions, the clock and the log.
        config: which sensors, and how they are transported.
        engine_thread: is given every image, whatever is wrong with it, and what the middleware
            tells besides.
        camera_infos: where the last parameters of each camera are kept; emptied at the end.
        report: is told what the engine thread raised.

    Attributes:
        reception: what has come of each sensor.
        attendance: knows whether messages are read at all.
    """

    def __init__(
        self,
        node: Node,
        config: InputsConfig,
        engine_thread: EngineThread,
        camera_infos: dict[Modality, CameraInfo],
        report: Callable[[Exception], None],
    ) -> None:
        self._node, self._log = node, node.get_logger()
        self._engine_thread, self._report = engine_thread, report
        self._camera_infos = camera_infos
        self._images: dict[Modality, Subscription] = {}
        self._infos: list[Subscription] = []
        self._topics: dict[Modality, str] = {}
        self.reception: Mapping[Modality, Reception] = {m: Reception() for m in config.enabled}
        self.attendance = Attendance(self._call)
        self._decoders = Decoders(config.enabled, engine_thread, report)
        try:
            for modality in config.enabled:
                image = self._subscribe(modality, config[modality].transport)
                self._images[modality], self._topics[modality] = image, image.topic_name
                self._infos.append(self._subscribe_info(modality))
        except Exception:
            self.close()
            raise

    def _subscribe(self, modality: Modality, transport: str) -> Subscription:
        message_type, topic = Image, f'{modality}/image'
        if transport != 'raw':
            # As image_transport does: the suffix follows the name after remapping.
            resolved = self._node.resolve_topic_name(topic)
            message_type, topic = CompressedImage, f'{resolved}/{transport}'
        return self._node.create_subscription(
            message_type,
            topic,
            partial(self._on_image, modality),
            copy.copy(qos.SENSOR),  # the overrides are written into it
            event_callbacks=event_callbacks(
                lost=partial(self._on_lost, modality),
                incompatible=partial(self._on_incompatible, modality),
                matched=partial(self._on_matched, modality),
            ),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def _subscribe_info(self, modality: Modality) -> Subscription:
        callback = partial(self._on_camera_info, modality)
        topic = f'{modality}/camera_info'
        return self._node.create_subscription(CameraInfo, topic, callback, qos.SENSOR)

    def close(self) -> None:
        """Destroy the subscriptions, and end the threads that decode."""
        for subscription in (*self._images.values(), *self._infos):
            self._node.destroy_subscription(subscription)
        self._decoders.close()
        self._camera_infos.clear()

    @property
    def subscriptions(self) -> Mapping[Modality, Subscription]:
        """The image subscriptions, with topic, type and quality of service."""
        return self._images

    def waiting_ns(self) -> Mapping[Modality, int]:
        """Return when the newest message of each sensor came that waits to be decoded."""
        return self._decoders.waiting_ns()

    def count_publishers(self) -> None:
        """Tell how many publishers each image topic has."""
        for modality in self._topics:
            self._on_matched(modality)

    def publishers(self, modality: Modality) -> list[Publisher]:
        """Return those who publish a sensor's topic, and why some of them cannot connect."""
        subscription = self._images[modality]
        return [
            Publisher(
                node=shortened(f'{info.node_namespace.rstrip("/")}/{info.node_name}', NAME_LENGTH),
                type=shortened(info.topic_type, NAME_LENGTH),
                conflict=_conflict(info.qos_profile, subscription.qos_profile),
            )
            for info in self._node.get_publishers_info_by_topic(subscription.topic_name)
        ]

    def _on_image(self, modality: Modality, message: Any) -> None:
        self.attendance.reads(time.monotonic())
        arrival_ns = self._engine_thread.now_ns()
        try:
            raw = raw_image(message, modality)
            reception = self.reception[modality]
            reception.received += 1
            reception.stamp_ns, reception.size_bytes = raw.stamp_ns, len(message.data)
            if arrival_ns == 0:
                self._log.warning(
                    'use_sim_time is set, but nothing publishes /clock: images are ignored; '
                    'play the bag with --clock 200',
                    throttle_duration_sec=_QUIET_S,
                )
                return
            if meaning := KINDS[modality].doubtful.get(raw.encoding):
                self._log.warning(f'{modality} comes as {raw.encoding}: {meaning}', once=True)
            self._decoders.put(raw, message, arrival_ns)
        except Exception as error:
            self._report(error)

    def _call(self, answer: Callable[[], None]) -> None:
        """Have the thread that reads messages answer; without one nobody waits for it."""
        if self._node.executor is None:
            answer()
        else:
            self._node.executor.create_task(answer)

    def _on_lost(self, modality: Modality, count: int) -> None:
        self.reception[modality].lost += count
        self._note(LostMessages(modality, count))

    def _on_incompatible(self, modality: Modality, policy: str) -> None:
        self._note(IncompatibleQos(modality, policy))

    def _on_matched(self, modality: Modality) -> None:
        if modality in self._topics:
            topic = self._topics[modality]
            count = self._node.count_publishers(topic)
            nodes = self._connected(modality) if count > 1 else ()
            several = (topic, nodes) if len(nodes) > 1 else ()
            self._note(PublisherCount(modality, count, *several))

    def _connected(self, modality: Modality) -> tuple[str, ...]:
        wanted = type_name(self._images[modality].msg_type)
        fitting = [p for p in self.publishers(modality) if p.type == wanted and not p.conflict]
        return tuple(sorted(publisher.node for publisher in fitting))

    def _on_camera_info(self, modality: Modality, message: CameraInfo) -> None:
        message.distortion_model = shortened(message.distortion_model, NAME_LENGTH)
        self._camera_infos[modality] = message

    def _note(self, note: TransportNote) -> None:
        try:
            self._engine_thread.note(note)
        except Exception as error:
            self._report(error)


def _conflict(offered: object, requested: object) -> str:
    compatibility, reason = qos_check_compatible(offered, requested)
    return str(reason).strip('; ') if compatibility == QoSCompatibility.ERROR else ''
