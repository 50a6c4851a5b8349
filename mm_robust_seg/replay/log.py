# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Turn what happens during a replay into the record of a run.

All times are the recording's own: a jump of the clock that a scenario plays is taken out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, HealthReport, Rejection, Segmentation
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.observation.captures import recorded_captures
from mm_robust_seg.observation.record import (
    Image,
    MaskRecord,
    PhaseRecord,
    RunRecord,
    Stamped,
    StateRecord,
)
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.recordings.bag import BagTruth
from mm_robust_seg.recordings.faults import PhaseBegun

_ROUNDING_NS = 1_000
"""A phase begins with an image that is so much earlier, too."""

_REPEAT_NS = 1_000_000_000
"""As the node does, the state is said at every change and every second."""


class ReplayLog:
    """Collects what a replay tells it.

    Args:
        start_ns: bag time of the first image.

    Attributes:
        rejected: how many images could not be decoded, by sensor and reason.
        withheld: how many were left out on purpose, by sensor.
        usable: the sensors that were usable at some time.
    """

    def __init__(
        self, config: Config, classes: Sequence[SegmentationClass], start_ns: int
    ) -> None:
        self._config, self._start_ns = config, start_ns
        self._end_ns, self._jumped_ns = start_ns, 0
        self._recorder = RunRecorder(classes)
        self.rejected: Counter[str] = Counter()
        self.withheld: Counter[str] = Counter()
        self._doubtful: dict[str, None] = {}
        self.usable = ModalitySet()

    def phase(self, begun: PhaseBegun) -> None:
        """Note that a phase begins; the one before it ends."""
        self._jumped_ns = begun.jumped_ns
        start_ns = max(self._recorded_ns(begun.time_ns) - _ROUNDING_NS, self._start_ns)
        phases = self._recorder.phases
        if phases:
            phases[-1] = replace(phases[-1], end_ns=start_ns)
        faults = {modality: spec.kind for modality, spec in begun.phase.faults.items()}
        rig_fault = begun.phase.rig_fault.kind if begun.phase.rig_fault else None
        phases.append(
            PhaseRecord(
                begun.phase.name,
                start_ns,
                start_ns,
                start_ns,
                faults,
                rig_fault,
                self._config.inputs.enabled,
            )
        )

    def frame(self, item: Frame | Rejection) -> None:
        """Note what became of an image."""
        times_ns = Stamped(self._recorded_ns(item.stamp_ns), self._recorded_ns(item.arrival_ns))
        self._recorder.frames[item.modality].append(times_ns)
        if isinstance(item, Rejection):
            self.rejected[f'{item.modality}: {item.reason}, {item.detail}'] += 1
        elif meaning := KINDS[item.modality].doubtful.get(item.encoding):
            self._doubtful[f'{item.modality} comes as {item.encoding}: {meaning}'] = None

    def withhold(self, modality: Modality) -> None:
        """Note an image that was left out on purpose."""
        self.withheld[modality.value] += 1

    def report(self, report: HealthReport, active: ModalitySet) -> None:
        """Note the state of the sensors, if it changed or a second has passed."""
        now_ns = self._recorded_ns(report.now_ns)
        self._end_ns = max(self._end_ns, now_ns)
        self.usable |= report.usable
        reasons = {modality: health.reason for modality, health in report.sensors.items()}
        states = self._recorder.states
        if (
            not states
            or (states[-1].active, states[-1].reasons) != (active, reasons)
            or (now_ns - states[-1].arrival_ns >= _REPEAT_NS)
        ):
            details = {modality: health.detail for modality, health in report.sensors.items()}
            states.append(StateRecord(now_ns, active, reasons, details))

    def truth(self, truth: BagTruth) -> None:
        """Note true labels, before or after their mask."""
        self._recorder.truth(truth.stamp_ns, truth.labels)

    def mask(self, mask: Segmentation, now_ns: int) -> None:
        """Note a mask."""
        record = MaskRecord(
            self._recorded_ns(mask.stamp_ns),
            self._recorded_ns(now_ns),
            mask.combination,
            mask.reference.modality,
            mask.inference_s,
            mask.frames.wait_s,
            mask.frames.skew_s,
            ages_s=mask.frames.ages_s,
            degraded=mask.degraded,
        )
        self._recorder.mask(record, mask.labels, mask.header_stamp_ns)

    def truth_of(self, mask: Segmentation) -> Image | None:
        """Return the true labels of the reference frame, if they are known by now."""
        return self._recorder.truth_at(mask.header_stamp_ns)

    def notes(self) -> list[str]:
        """Say what a person should know: no scores, doubtful encodings, sensors never usable."""
        last = self._recorder.states[-1:]
        never = [
            f'{modality} was never usable: {reason}, {state.details[modality]}'
            for state in last
            for modality, reason in state.reasons.items()
            if modality in self._config.inputs.enabled and modality not in self.usable
        ]
        problem = self._recorder.problem
        said = [*self._doubtful, *never]
        return [f'no mIoU: {problem}', *said] if problem else said

    def record(self) -> RunRecord:
        """Return what happened so far; the last phase lasts until then."""
        record = self._recorder.record()
        phases = list(record.phases)
        if phases:
            phases[-1] = replace(phases[-1], end_ns=self._end_ns + 1)
        order = self._config.sync.reference_order
        return replace(
            record,
            phases=phases,
            captures=recorded_captures(record.frames, order),
            start_ns=self._start_ns,
            end_ns=self._end_ns,
            has_one_clock=False,
        )

    def _recorded_ns(self, time_ns: int) -> int:
        return time_ns - self._jumped_ns
