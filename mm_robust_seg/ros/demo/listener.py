"""What the demo's processes publish, heard for the recorder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
import json
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import String

from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.observation.log import DemoRecorder, PhaseRecord, StateRecord
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import stamp_ns
from mm_robust_seg.ros.processes.client import Client
from mm_robust_seg.ros.rig.node import PHASES
from mm_robust_seg.simulation.faults import Fault

_TYPES = {'rgb8': ('u1', 3), 'mono8': ('u1', 1), 'mono16': ('<u2', 1), '16UC1': ('<u2', 1)}


class Listener(Client):
    """Hears rig and segmentation node.

    Attributes:
        end: what the rig said when the scenario was over: frames, late, skipped.
    """

    def __init__(self, recorder: DemoRecorder) -> None:
        super().__init__('demo')
        self.end: Mapping[str, int] | None = None
        self._recorder = recorder
        hear = self.node.create_subscription
        hear(Image, 'segmentation/mask', self._on_mask, qos.MASK)
        hear(DiagnosticArray, 'segmentation/frame_info', self._on_frame_info, qos.EVENTS)
        hear(DiagnosticStatus, 'segmentation/modality_state', self._on_state, qos.LATCHED)
        hear(Image, 'rig/truth', self._on_truth, qos.EVENTS)
        hear(String, 'rig/phase', self._on_event, PHASES)
        for modality in Modality:
            callback = partial(self._on_image, modality)
            hear(Image, f'{modality}/image', callback, qos.SENSOR)

    def _on_mask(self, message: Image, info: Mapping[str, int]) -> None:
        arrival_ns = info['received_timestamp'] or self.now_ns()
        self._recorder.mask(stamp_ns(message.header.stamp), arrival_ns, pixels(message))

    def _on_truth(self, message: Image) -> None:
        self._recorder.truth(stamp_ns(message.header.stamp), pixels(message))

    def _on_image(self, modality: Modality, message: Image) -> None:
        is_whole = len(message.data) == message.height * message.step
        if is_whole and message.encoding in KINDS[modality].file_encodings.values():
            self._recorder.image(modality, stamp_ns(message.header.stamp), pixels(message))

    def _on_frame_info(self, message: DiagnosticArray) -> None:
        values = {pair.key: pair.value for pair in message.status[0].values}
        combination = ModalitySet.parse(values['sensors'])
        self._recorder.used(stamp_ns(message.header.stamp), combination)

    def _on_state(self, message: DiagnosticStatus, info: Mapping[str, int]) -> None:
        arrival_ns = info['received_timestamp'] or self.now_ns()
        values = {pair.key: pair.value for pair in message.values}
        reasons = {m: values[str(m)] for m in Modality if str(m) in values}
        active = ModalitySet.parse(values['active'])
        self._recorder.state(StateRecord(arrival_ns, active, reasons))

    def _on_event(self, message: String) -> None:
        event = json.loads(message.data)
        if event['event'] == 'end':
            self.end = event
            return
        faults = {Modality(m): Fault(fault) for m, fault in event['faults'].items()}
        record = PhaseRecord(event['name'], event['start_ns'], event['end_ns'], faults)
        self._recorder.phase(record)


def pixels(message: Image) -> NDArray[Any]:
    """View an image of the rig or a mask as (H, W) or (H, W, 3)."""
    dtype, channels = _TYPES[message.encoding]
    flat = np.frombuffer(message.data, np.dtype(dtype))
    shape = (message.height, message.width, channels)
    return flat.reshape(shape if channels > 1 else shape[:2])
