# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Feed a record of a run from the topics of rig and segmentation node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
import json
import struct
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import numpy as np
from numpy.typing import NDArray
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image
from std_msgs.msg import String

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.observation.record import MaskRecord, PhaseRecord, Stamped, StateRecord
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import stamp_ns
from mm_robust_seg.ros.processes.client import Client
from mm_robust_seg.ros.rig.node import PHASES
from mm_robust_seg.simulation.faults import Fault

_TYPES = {'rgb8': ('u1', 3), 'mono8': ('u1', 1), 'mono16': ('<u2', 1), '16UC1': ('<u2', 1)}
InfoCallback = Callable[[Any, Mapping[str, int]], None]


class Listener(Client):
    """Listens to rig and segmentation node; images are taken serialised, for their stamps.

    Args:
        recorder: takes what comes.
        with_images: also read pixels, to score masks and to show.
        image_qos: of sensors whose images are requested otherwise than with ``qos.SENSOR``.

    Attributes:
        is_over: whether the rig has ended its scenario.
        phase: the index of the phase that is being played.
    """

    def __init__(
        self,
        recorder: RunRecorder,
        with_images: bool,
        image_qos: Mapping[Modality, QoSProfile] | None = None,
    ) -> None:
        super().__init__('listener')
        self.is_over, self.phase = False, 0
        self._recorder, self._with_images = recorder, with_images
        subscribe = self._subscribe
        subscribe(DiagnosticStatus, 'segmentation/modality_state', self._on_state, qos.LATCHED)
        subscribe(DiagnosticArray, 'segmentation/frame_info', self._on_frame_info, qos.EVENTS)
        subscribe(String, 'rig/phase', self._on_event, PHASES)
        subscribe(Image, 'segmentation/mask', self._on_mask, qos.MASK, raw=True)
        subscribe(Image, 'rig/truth', self._on_truth, qos.EVENTS, raw=True)
        for modality in Modality:
            callback = partial(self._on_image, modality)
            wanted = (image_qos or {}).get(modality, qos.SENSOR)
            subscribe(Image, f'{modality}/image', callback, wanted, raw=True)

    def _subscribe(
        self, kind: type, topic: str, callback: InfoCallback, wanted: QoSProfile, raw: bool = False
    ) -> None:
        self.node.create_subscription(kind, topic, as_dispatched(callback), wanted, raw=raw)

    def on_image(self, modality: Modality, frame: Stamped) -> None:
        """Note an image."""
        self._recorder.frames[modality].append(frame)

    def _on_image(self, modality: Modality, packed: bytes, info: Mapping[str, int]) -> None:
        self.on_image(modality, self._times_ns(packed, info))
        if self._with_images:
            message = deserialize_message(packed, Image)
            is_whole = len(message.data) == message.height * message.step
            if is_whole and message.encoding in KINDS[modality].file_encodings.values():
                self._recorder.image(modality, packed_stamp_ns(packed), pixels(message))

    def _on_mask(self, packed: bytes, info: Mapping[str, int]) -> None:
        self._recorder.mask(MaskRecord(*self._times_ns(packed, info)), self._labels(packed))

    def _on_truth(self, packed: bytes, info: Mapping[str, int]) -> None:
        capture, labels = self._times_ns(packed, info), self._labels(packed)
        self._recorder.captures.append(capture)
        if labels is not None:
            self._recorder.truth(capture.stamp_ns, labels)

    def _on_frame_info(self, message: DiagnosticArray, info: Mapping[str, int]) -> None:
        values = {pair.key: pair.value for pair in message.status[0].values}
        ages_ms = {m: values.get(f'{m}.age_ms') for m in Modality}
        self._recorder.mask_facts(
            stamp_ns(message.header.stamp),
            self._arrival_ns(info),
            combination=ModalitySet.parse(values['sensors']),
            degraded=ModalitySet.parse(values['degraded']),
            reference=Modality(values['reference']),
            ages_s={m: float(age_ms) * 1e-3 for m, age_ms in ages_ms.items() if age_ms},
            **{f'{n}_s': float(values[f'{n}_ms']) * 1e-3 for n in ('inference', 'wait', 'skew')},
        )

    def _on_state(self, message: DiagnosticStatus, info: Mapping[str, int]) -> None:
        values = {pair.key: pair.value for pair in message.values}
        sensors = [m for m in Modality if str(m) in values]
        self._recorder.states.append(
            StateRecord(
                self._arrival_ns(info),
                ModalitySet.parse(values['active']),
                {m: Reason(values[str(m)]) for m in sensors},
                {m: values[f'{m}.detail'] for m in sensors},
            )
        )

    def _on_event(self, message: String, info: Mapping[str, int]) -> None:
        event = json.loads(message.data)
        if event['event'] == 'end':
            self.is_over = True
            self._recorder.rig = {key: event[key] for key in ('frames', 'late', 'skipped')}
            return
        self.phase = event['index']
        self._recorder.phases.append(
            PhaseRecord(
                event['name'],
                event['start_ns'],
                event['end_ns'],
                self._arrival_ns(info),
                {Modality(m): Fault(fault) for m, fault in event['faults'].items()},
                Fault(event['rig_fault']) if event['rig_fault'] else None,
            )
        )

    def _times_ns(self, packed: bytes, info: Mapping[str, int]) -> Stamped:
        return Stamped(packed_stamp_ns(packed), self._arrival_ns(info))

    def _arrival_ns(self, info: Mapping[str, int]) -> int:
        return info['received_timestamp'] or self.now_ns()

    def _labels(self, packed: bytes) -> NDArray[Any] | None:
        return pixels(deserialize_message(packed, Image)) if self._with_images else None


def as_dispatched(callback: InfoCallback) -> Callable[..., None]:
    """Return what this rclpy can call: that of Humble passes a message without its times."""
    if hasattr(Subscription, 'CallbackType'):
        return callback
    return lambda message: callback(message, {'received_timestamp': 0})


def packed_stamp_ns(packed: bytes) -> int:
    """Return the stamp of a serialised message that begins with a header (CDR, XTypes 1.3)."""
    sec, nanosec = struct.unpack_from('<iI' if packed[1] & 1 else '>iI', packed, 4)
    return int(sec) * 1_000_000_000 + int(nanosec)


def pixels(message: Image) -> NDArray[Any]:
    """View an image of the rig or a mask as (H, W) or (H, W, 3)."""
    dtype, channels = _TYPES[message.encoding]
    flat = np.frombuffer(message.data, np.dtype(dtype))
    shape = (message.height, message.width, channels)
    return flat.reshape(shape if channels > 1 else shape[:2])
