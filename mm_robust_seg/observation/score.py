"""The figures of a demo run.

A *reference frame* is a moment at which the rig captured while at least one sensor
truly worked. Times are taken where the topics are received, in another process than the node.

availability_min: lowest share, over the phases with a working sensor, of reference frames for
    which a mask came (``phase_N_availability`` for each phase).
labeled_min: the same, counting only masks made from a sensor: it leaves out the unlabeled ones
    that the node sends while it waits for sensors to prove that they have recovered.
frames_lost_to_switch: reference frames without a mask within 0.5 s of a change of combination.
switch_ms_p95: from the node saying that the combination changed to the first mask made from it;
    that is the wait for the next capture, the inference and the way here.
switch_captures_max: which capture after the node said so was the first one served by the new
    combination; 1 is the very next.
silent_detect_ms_p95, frozen_detect_ms_p95, dark_detect_ms_p95: from the due time of the first
    missing, repeated or dark image to the arrival of the state message that gives this reason.
faults_undetected: faults whose reason was never given while they lasted.
mask_hz: masks for reference frames, per second of the phases with a working sensor.
e2e_ms_p50, e2e_ms_p99: from the stamp of the reference frame to the arrival of its mask.
phase_N_combination: the combination most of the phase's masks were made from.
phase_N_miou: mean IoU over all pixels of the phase's masks.

Percentiles are observed values (the next higher one). A value that cannot be had is null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
import sys

import numpy as np

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.log import DemoLog, FrameRecord, PhaseRecord, StateRecord
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.simulation.faults import Fault

Summary = dict[str, float | int | str | None]

SWITCH_WINDOW_NS = 500_000_000


def summarize(log: DemoLog) -> Summary:
    """Compute the figures that the module's documentation defines."""
    live = [phase for phase in log.phases if phase.live]
    served = [f for phase in live for f in log.frames_of(phase) if f.arrival_ns is not None]
    latencies = [latency_ms(frame) for frame in served]
    seconds = sum(phase.end_ns - phase.start_ns for phase in live) * 1e-9
    detections = {fault: list(detections_ms(log, fault)) for fault in Fault}
    summary: Summary = {
        'availability_min': _lowest(availability(log, phase) for phase in live),
        'labeled_min': _lowest(availability(log, phase, labeled=True) for phase in live),
        'frames_lost_to_switch': frames_lost_to_switch(log),
        'switch_ms_p95': _percentile(switches_ms(log), 95),
        'switch_captures_max': max(switch_captures(log), default=None),
        'silent_detect_ms_p95': _percentile(detections[Fault.SILENT], 95),
        'frozen_detect_ms_p95': _percentile(detections[Fault.FROZEN], 95),
        'dark_detect_ms_p95': _percentile(detections[Fault.DARK], 95),
        'faults_undetected': sum(found.count(None) for found in detections.values()),
        'mask_hz': round(len(served) / seconds, 2) if seconds else None,
        'e2e_ms_p50': _percentile(latencies, 50),
        'e2e_ms_p99': _percentile(latencies, 99),
        'reference_frames': sum(len(log.frames_of(phase)) for phase in live),
        'rig_late_frames': log.late_frames,
        'rig_skipped_frames': log.skipped_frames,
    }
    for number, phase in enumerate(log.phases, start=1):
        summary[f'phase_{number}_name'] = phase.name
        summary[f'phase_{number}_combination'] = usual_combination(log, phase)
        summary[f'phase_{number}_miou'] = miou(log.frames_of(phase))
        summary[f'phase_{number}_availability'] = availability(log, phase)
    return summary


def availability(log: DemoLog, phase: PhaseRecord, labeled: bool = False) -> float | None:
    """Return the share of the phase's frames with a mask, 0 to 1; None if it has no frames."""
    frames = log.frames_of(phase)
    masks = [f for f in frames if f.arrival_ns is not None and (f.combination or not labeled)]
    return round(len(masks) / len(frames), 4) if frames else None


def usual_combination(log: DemoLog, phase: PhaseRecord) -> str | None:
    """Return the combination most masks of the phase were made from; None without masks."""
    known = [f.combination for f in log.frames_of(phase) if f.combination is not None]
    return str(Counter(known).most_common(1)[0][0]) if known else None


def miou(frames: Iterable[FrameRecord]) -> float | None:
    """Return the mean IoU over all pixels of the frames' masks; None without masks."""
    scored = [frame.confusion for frame in frames if frame.confusion is not None]
    if not scored:
        return None
    total = ConfusionMatrix(scored[0].class_count)
    for confusion in scored:
        total.merge(confusion)
    value = total.miou()
    return round(value, 4) if np.isfinite(value) else None


def frames_lost_to_switch(log: DemoLog) -> int:
    """Count reference frames without a mask near a change of combination."""
    masks = [frame for frame in log.frames if frame.combination is not None]
    changes = [state.arrival_ns for state in _changed_states(log)]
    changes += [b.stamp_ns for a, b in pairwise(masks) if a.combination != b.combination]
    without = [
        frame
        for phase in log.phases
        if phase.live
        for frame in log.frames_of(phase)
        if frame.arrival_ns is None
    ]
    return sum(
        any(abs(frame.stamp_ns - change_ns) <= SWITCH_WINDOW_NS for change_ns in changes)
        for frame in without
    )


def switches_ms(log: DemoLog) -> Iterator[float]:
    """Yield, for each new combination that made a mask, the time from the verdict to the first."""
    for state, end_ns in _reigns(log):
        arrivals = [
            frame.arrival_ns
            for frame in log.frames
            if frame.combination == state.active
            and frame.arrival_ns is not None
            and state.arrival_ns <= frame.arrival_ns < end_ns
        ]
        if state.active and arrivals:
            yield (min(arrivals) - state.arrival_ns) * 1e-6


def switch_captures(log: DemoLog) -> Iterator[int]:
    """Yield, for each new combination, which capture after the verdict it served first."""
    for state, end_ns in _reigns(log):
        later = [f for f in log.frames if state.arrival_ns <= f.stamp_ns < end_ns]
        served = [number for number, f in enumerate(later, 1) if f.combination == state.active]
        if state.active and served:
            yield served[0]


def detections_ms(log: DemoLog, fault: Fault) -> Iterator[float | None]:
    """Yield the time to detection of each time this fault began; None if it never was.

    A fault for which no sensor is to blame has none.
    """
    if fault.reason is Reason.OK:
        return
    for index, phase in enumerate(log.phases):
        before = log.phases[index - 1].faults if index else {}
        for modality, found in phase.faults.items():
            if found is fault and modality not in before:
                yield _detection_ms(log, index, modality, fault)


def _detection_ms(log: DemoLog, index: int, modality: Modality, fault: Fault) -> float | None:
    onset_ns = end_ns = log.phases[index].start_ns
    for phase in log.phases[index:]:
        if phase.faults.get(modality) is not fault:
            break
        end_ns = phase.end_ns
    for state in log.states:
        named = state.reasons.get(modality) == fault.reason.value
        if named and onset_ns <= state.arrival_ns < end_ns:
            return (state.arrival_ns - onset_ns) * 1e-6
    return None


def _reigns(log: DemoLog) -> Iterator[tuple[StateRecord, int]]:
    """Yield each state with a new combination, and when the next one came."""
    changes = list(_changed_states(log))
    ends_ns = [state.arrival_ns for state in changes[1:]] + [sys.maxsize]
    return zip(changes, ends_ns, strict=False)


def _changed_states(log: DemoLog) -> Iterator[StateRecord]:
    return (new for old, new in pairwise(log.states) if old.active != new.active)


def latency_ms(frame: FrameRecord) -> float:
    """Return the time from the stamp of a frame to the arrival of its mask."""
    return ((frame.arrival_ns or 0) - frame.stamp_ns) * 1e-6


def _lowest(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _percentile(values: Iterable[float | None], percent: float) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.percentile(known, percent, method='higher')), 1) if known else None
