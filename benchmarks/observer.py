"""Hear the node and the rig of a benchmark, and feed the baseline with the same images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
import json
import struct

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import Image
from std_msgs.msg import String

from benchmarks.approximate_sync import ApproximateSynchronizer
from benchmarks.fault_heard import Heard, Played, Said, Stamped
from benchmarks.fault_plan import needs_reliability, Plan, QOS_SENSOR
from mm_robust_seg.config import SyncConfig
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import stamp_ns
from mm_robust_seg.ros.processes.client import Client
from mm_robust_seg.ros.rig.node import PHASES


class Observer(Client):
    """Records what a benchmark needs; images are taken serialised, for their stamps alone.

    Attributes:
        heard: the record.
        is_over: whether the rig has ended its scenario.
        stretch: the number of the one that is being played.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__('benchmark')
        self.heard = Heard()
        self.is_over = False
        self.stretch = 0
        self._plan = plan
        sync = SyncConfig()
        slop_ns = round(sync.max_skew_s * 1e9)
        topics = [str(m) for m in Modality]
        self._baseline = ApproximateSynchronizer(topics, sync.buffer_len, slop_ns)
        hear = self.node.create_subscription
        hear(DiagnosticStatus, 'segmentation/modality_state', self._on_state, qos.LATCHED)
        hear(DiagnosticArray, 'segmentation/frame_info', self._on_frame_info, qos.EVENTS)
        hear(String, 'rig/phase', self._on_event, PHASES)
        hear(Image, 'segmentation/mask', self._on_mask, qos.MASK, raw=True)
        hear(Image, 'rig/truth', self._on_truth, qos.EVENTS, raw=True)
        for modality in Modality:
            is_choosy = modality is QOS_SENSOR and needs_reliability(plan)
            wanted = qos.RELIABLE_SENSOR if is_choosy else qos.SENSOR
            topic, callback = f'{modality}/image', partial(self._on_image, modality)
            hear(Image, topic, callback, wanted, raw=True)

    def _on_image(self, modality: Modality, packed: bytes, info: Mapping[str, int]) -> None:
        stamp_ns = packed_stamp_ns(packed)
        self.heard.images[modality].append(stamp_ns)
        found = self._baseline.add(str(modality), stamp_ns)
        if found is not None:
            came = Stamped(found[str(Modality.RGB)], self._arrival_ns(info))
            self.heard.baseline.append(came)

    def _on_mask(self, packed: bytes, info: Mapping[str, int]) -> None:
        self.heard.masks.append(Stamped(packed_stamp_ns(packed), self._arrival_ns(info)))

    def _on_truth(self, packed: bytes, info: Mapping[str, int]) -> None:
        self.heard.truths.append(Stamped(packed_stamp_ns(packed), self._arrival_ns(info)))

    def _on_frame_info(self, message: DiagnosticArray, info: Mapping[str, int]) -> None:
        values = {pair.key: pair.value for pair in message.status[0].values}
        made = Stamped(stamp_ns(message.header.stamp), self._arrival_ns(info))
        self.heard.used[made] = ModalitySet.parse(values['sensors'])

    def _on_state(self, message: DiagnosticStatus, info: Mapping[str, int]) -> None:
        values = {pair.key: pair.value for pair in message.values}
        reasons = {m: Reason(values[str(m)]) for m in Modality if str(m) in values}
        active = ModalitySet.parse(values['active'])
        self.heard.said.append(Said(self._arrival_ns(info), active, reasons))

    def _on_event(self, message: String, info: Mapping[str, int]) -> None:
        event = json.loads(message.data)
        if event['event'] == 'end':
            self.is_over = True
            self.heard.rig = {key: event[key] for key in ('frames', 'late', 'skipped')}
            return
        self.stretch = event['index']
        stretch = self._plan[self.stretch]
        played = Played(stretch, event['start_ns'], event['end_ns'], self._arrival_ns(info))
        self.heard.played.append(played)

    def _arrival_ns(self, info: Mapping[str, int]) -> int:
        return info['received_timestamp'] or self.now_ns()


def packed_stamp_ns(packed: bytes) -> int:
    """Return the stamp of a serialised message that begins with a header (CDR, XTypes 1.3)."""
    sec, nanosec = struct.unpack_from('<iI' if packed[1] & 1 else '>iI', packed, 4)
    return int(sec) * 1_000_000_000 + int(nanosec)
