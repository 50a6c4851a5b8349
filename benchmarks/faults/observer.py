# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Record a run, and feed the baseline with the same images."""

from __future__ import annotations

from benchmarks.faults.approximate_sync import ApproximateSynchronizer
from benchmarks.faults.plan import needs_reliability, Plan, QOS_SENSOR
from benchmarks.faults.shares import Measured
from mm_robust_seg.config import SyncConfig
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.record import Stamped
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.ros.demo.listener import Listener
from mm_robust_seg.ros.node import qos

_SLOP_NS = 33_000_000


class Observer(Listener):
    """Records what a benchmark needs, without pixels."""

    def __init__(self, plan: Plan) -> None:
        self._recorder = RunRecorder()
        self._baseline: list[Stamped] = []
        sync = SyncConfig()
        topics = [str(m) for m in Modality]
        self._synchronizer = ApproximateSynchronizer(topics, sync.buffer_len, _SLOP_NS)
        choosy = {QOS_SENSOR: qos.RELIABLE_SENSOR} if needs_reliability(plan) else {}
        super().__init__(self._recorder, with_images=False, image_qos=choosy)

    def on_image(self, modality: Modality, frame: Stamped) -> None:
        """Note an image, and the set that it completes."""
        super().on_image(modality, frame)
        found = self._synchronizer.add(str(modality), frame.stamp_ns)
        if found is not None:
            self._baseline.append(Stamped(found[str(Modality.RGB)], frame.arrival_ns))

    def measured(self) -> Measured:
        """Return what was observed so far."""
        return Measured(self._recorder.record(), tuple(self._baseline))
