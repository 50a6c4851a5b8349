# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The figures of a run, the same for demo, replay, fault benchmark and soak.

A *reference frame* is a moment at which a mask was due: a capture of the rig or, in a recording, a
frame of the sensor that is preferred as reference (while that one says nothing, of the next one).
Where phases were played it counts only while at least one sensor truly worked. ``captures`` says
which mask answers it. Arrivals are those at the listener; a replay has the recording's own time.

availability: share of the reference frames for which a mask came that was made from a sensor; also
    of each phase, and ``availability_min``: the lowest of the phases with a working sensor.
degraded: share of these masks that was made, for want of better ones, from sensors whose images
    are slow, late, damaged or frozen; also of each phase.
answered: as availability, but counting the unlabeled masks too that the node sends while there is
    no image to make one from.
mask_hz: reference frames with a mask per second.
e2e_ms: from the stamp of the reference frame to the arrival of its mask; null in a replay, where
    time stands still during inference.
inference_ms, wait_ms, skew_ms: as the pipeline says them of each mask made from a sensor.
miou: mean IoU over all pixels of the masks whose truth is known; also of each phase, combination
    and class.
frames_lost_to_switch: reference frames without a mask within 0.5 s of a change of combination.
switch_ms: from the node saying that the combination changed to the first mask made from it; that
    is the wait for the next capture, the inference and the way here.
switch_captures_max: which capture after the node said so was the first one served by the new
    combination; 1 is the very next.
sensors: of each sensor the ``share`` of the masks that it took part in, the median age of its
    image at the moment of the mask, and its median latency: from stamp to arrival or, in a
    recording, to when it was recorded.
faults: each fault of a sensor, with the reason that is expected, ``detected_ms`` from the due time
    of the first missing or wrong image to the arrival of the state that gives it (null if it never
    did while the fault lasted, or no sensor is to blame), and all reasons that were given.
detect_ms_p95: of these, by kind of fault.
faults_undetected: faults whose reason was never given while they lasted.
combination of a phase: the one that most of its masks were made from.

``_p50`` and the like are observed values (the next higher one). What cannot be had is null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.captures import reference_frames, ReferenceFrame
from mm_robust_seg.observation.detection import Outcome, outcomes
from mm_robust_seg.observation.record import MaskRecord, RunRecord
from mm_robust_seg.observation.switching import (
    frames_lost,
    switch_captures,
    switches,
    switches_ms,
)
from mm_robust_seg.scores.metrics import ConfusionMatrix

Summary = dict[str, Any]


def summarize(record: RunRecord) -> Summary:
    """Compute the figures that the module's documentation defines."""
    frames = reference_frames(record)
    due = [frame for frame in frames if _is_due(frame, record)]
    phases = [_phase(record, index, frames) for index in range(len(record.phases))]
    live = [row for row, phase in zip(phases, record.phases, strict=True) if phase.live]
    seconds = sum(row['end_s'] - row['start_s'] for row in live)
    if not phases:
        seconds = record.time_s(record.end_ns)
    came = sum(frame.mask is not None for frame in due)
    return {
        'duration_s': record.time_s(record.end_ns),
        'reference_frames': len(due),
        'availability': availability(due),
        'availability_min': _lowest(live, 'availability'),
        'degraded': degraded(due),
        'answered': answered(due),
        'mask_hz': round(came / seconds, 2) if seconds else None,
        **_latencies(record, due),
        **_masks(record),
        **_quality(record),
        'frames_lost_to_switch': frames_lost(record, due),
        'switch_ms_p95': percentile(switches_ms(record), 95),
        'switch_captures_max': max(switch_captures(record, frames), default=None),
        'switches': switches(record),
        **_detection(outcomes(record)),
        'sensor_states': _sensor_states(record),
        'phases': phases,
        'frames': {m.value: len(stamped) for m, stamped in record.frames.items()},
    }


def availability(frames: Sequence[ReferenceFrame]) -> float | None:
    """Return the share of frames with a mask made from a sensor; None without frames."""
    return _share(bool(frame.mask and frame.mask.combination) for frame in frames)


def degraded(frames: Sequence[ReferenceFrame]) -> float | None:
    """Return the share of the masks made from a sensor that are degraded; None without any."""
    masks = (frame.mask for frame in frames if frame.mask and frame.mask.combination)
    return _share(bool(mask.degraded) for mask in masks)


def answered(frames: Sequence[ReferenceFrame]) -> float | None:
    """Return the share of frames with a mask of any kind."""
    return _share(frame.mask is not None for frame in frames)


def miou(masks: Iterable[MaskRecord | None]) -> float | None:
    """Return the mean IoU over all pixels of the masks with a truth; None without any."""
    total = _total(masks)
    return None if total is None else _rounded(total.miou())


def percentile(values: Iterable[float | None], percent: float) -> float | None:
    """Return the observed value at ``percent`` (the next higher one); None without any."""
    known = [value for value in values if value is not None]
    return round(float(np.percentile(known, percent, method='higher')), 3) if known else None


def _is_due(frame: ReferenceFrame, record: RunRecord) -> bool:
    if frame.phase is None:
        return not record.phases
    return bool(record.phases[frame.phase].live)


def _phase(record: RunRecord, index: int, frames: Sequence[ReferenceFrame]) -> Summary:
    phase, own = record.phases[index], [frame for frame in frames if frame.phase == index]
    masks = [frame.mask for frame in own if frame.mask is not None]
    used = Counter(mask.combination for mask in masks if mask.combination is not None)
    faults = {str(modality): str(fault) for modality, fault in phase.faults.items()}
    return {
        'name': phase.name,
        'start_s': record.time_s(phase.start_ns),
        'end_s': record.time_s(phase.end_ns),
        'faults': faults | ({'rig': str(phase.rig_fault)} if phase.rig_fault else {}),
        'reference_frames': len(own),
        'availability': availability(own),
        'degraded': degraded(own),
        'combination': str(used.most_common(1)[0][0]) if used else None,
        'miou': miou(masks),
    }


def _latencies(record: RunRecord, due: Sequence[ReferenceFrame]) -> Summary:
    made = [mask for mask in record.masks if mask.combination]
    values_ms: dict[str, list[float | None]] = {
        'e2e': [f.mask.latency_ms for f in due if f.mask] if record.has_one_clock else []
    }
    for name in ('inference', 'wait', 'skew'):
        known = (getattr(mask, f'{name}_s') for mask in made)
        values_ms[name] = [None if value is None else value * 1e3 for value in known]
    return {
        f'{name}_ms_p{percent}': percentile(values, percent)
        for name, values in values_ms.items()
        for percent in (50, 99)
    }


def _masks(record: RunRecord) -> Summary:
    by_combination: dict[str, list[MaskRecord]] = {}
    for mask in record.masks:
        if mask.combination is not None:
            by_combination.setdefault(str(mask.combination), []).append(mask)
    references = Counter(m.reference.value for m in record.masks if m.reference is not None)
    return {
        'masks': len(record.masks),
        'unlabeled_masks': len(by_combination.get('none', ())),
        'combinations': {
            name: {'masks': len(masks), 'miou': miou(masks)}
            for name, masks in by_combination.items()
        },
        'references': dict(references),
        'sensors': {m.value: _sensor(record, m) for m in record.frames},
    }


def _sensor(record: RunRecord, modality: Modality) -> Summary:
    known = [mask for mask in record.masks if mask.combination is not None]
    joined = [mask for mask in known if modality in (mask.combination or ())]
    ages_s = [mask.ages_s[modality] for mask in joined if modality in mask.ages_s]
    latencies_ns = [frame.arrival_ns - frame.stamp_ns for frame in record.frames[modality]]
    return {
        'share': round(len(joined) / len(known), 4) if known else None,
        'age_ms_p50': percentile((age_s * 1e3 for age_s in ages_s), 50),
        'latency_ms_p50': percentile((ns * 1e-6 for ns in latencies_ns), 50),
    }


def _quality(record: RunRecord) -> Summary:
    total = _total(record.masks)
    iou = [] if total is None else zip(record.classes, total.iou(), strict=True)
    return {
        'scored_masks': sum(mask.confusion is not None for mask in record.masks),
        'miou': None if total is None else _rounded(total.miou()),
        'pixel_accuracy': None if total is None else _rounded(total.pixel_accuracy()),
        'iou_by_class': {item.name: _rounded(v) for item, v in iou if not np.isnan(v)},
    }


def _detection(found: Sequence[Outcome]) -> Summary:
    of_sensors = [one for one in found if one.episode.modality is not None]
    kinds = dict.fromkeys(one.episode.fault for one in of_sensors)
    return {
        'faults': [
            {
                'phase': one.episode.phase,
                'sensor': str(one.episode.modality),
                'fault': str(one.episode.fault),
                'expected': str(one.episode.reason),
                'detected_ms': one.latency_ms,
                'reasons': [str(reason) for reason in one.reasons],
            }
            for one in of_sensors
        ],
        'detect_ms_p95': {
            str(fault): percentile(
                (one.latency_ms for one in of_sensors if one.episode.fault is fault), 95
            )
            for fault in kinds
        },
        'faults_undetected': sum(one.is_undetected for one in of_sensors),
    }


def _sensor_states(record: RunRecord) -> list[Summary]:
    """Return every change of what was said about a sensor; never of one that is disabled."""
    rows, last = [], dict[Modality, tuple[Reason, bool]]()
    for state in record.states:
        for modality, reason in state.reasons.items():
            now = reason, modality in state.active
            if reason is Reason.DISABLED or last.get(modality) == now:
                continue
            last[modality] = now
            rows.append(
                {
                    'time_s': record.time_s(state.arrival_ns),
                    'sensor': modality.value,
                    'reason': reason.value,
                    'in_use': now[1],
                    'detail': state.details.get(modality, ''),
                }
            )
    return rows


def _total(masks: Iterable[MaskRecord | None]) -> ConfusionMatrix | None:
    scored = [mask.confusion for mask in masks if mask is not None and mask.confusion is not None]
    if not scored:
        return None
    total = ConfusionMatrix(scored[0].class_count)
    for confusion in scored:
        total.merge(confusion)
    return total


def _share(flags: Iterable[bool]) -> float | None:
    known = list(flags)
    return round(sum(known) / len(known), 4) if known else None


def _lowest(rows: Sequence[Summary], key: str) -> float | None:
    return min((row[key] for row in rows if row[key] is not None), default=None)


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
