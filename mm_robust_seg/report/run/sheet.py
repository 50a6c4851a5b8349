# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The contact sheet of a run: one row per phase, what went in and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.captures import reference_frames
from mm_robust_seg.observation.record import MaskRecord, PhaseRecord, RunRecord, Sample
from mm_robust_seg.observation.score import miou
from mm_robust_seg.report.contact_sheet import contact_sheet, headline, legend, notice, resized
from mm_robust_seg.report.png import write_png
from mm_robust_seg.report.views import (
    captioned,
    colorize,
    false_color_view,
    Image,
    Rgb,
    short_name,
    Span,
    span_name,
    span_of,
)

PANEL_PX = 320
_COLUMNS = len(Modality) + 2


def draw_contact_sheet(record: RunRecord, path: Path) -> None:
    """Write the sheet: the images as sent to the node, its mask, the truth."""
    samples = {number: _in_units(sample) for number, sample in record.samples.items()}
    spans = {m: span_of(m, [i[m] for i in samples.values() if m in i]) for m in Modality}
    rows: list[Rgb] = []
    for number, phase, mask, score in _phases(record):
        start_s, end_s = record.time_s(phase.start_ns), record.time_s(phase.end_ns)
        sample = record.samples.get(number)
        title = f'{number + 1}  {phase.name}, {start_s:.0f} to {end_s:.0f} s'
        panels = []
        if sample is None:
            title += ': not sampled'
        else:
            panels = list(_cameras(record, phase, sample, samples[number], spans))
            panels += [_mask(record, sample, mask, score), _truth(record, sample)]
        row = contact_sheet(panels, _COLUMNS)
        rows += [headline(title, _COLUMNS * PANEL_PX), *([row] if panels else [])]
    scales = ', '.join(span_name(m, spans[m]) for m in Modality if KINDS[m].view is not None)
    names = [*record.classes, SegmentationClass('unlabeled', (0, 0, 0))]
    rows += [
        legend(names, _COLUMNS * PANEL_PX),
        headline(f'{scales}; black: no valid measurement', _COLUMNS * PANEL_PX),
    ]
    write_png(path, contact_sheet(rows, 1))


def reason_at(record: RunRecord, modality: Modality, stamp_ns: int) -> str:
    """Return what the node last said about a sensor before ``stamp_ns``."""
    said = [s.reasons.get(modality) for s in record.states if s.arrival_ns <= stamp_ns]
    return str((said[-1] if said else None) or 'nothing')


def _phases(
    record: RunRecord,
) -> Iterator[tuple[int, PhaseRecord, MaskRecord | None, float | None]]:
    """Yield number, phase, the mask of its sample, and the mIoU of all its masks."""
    frames = reference_frames(record)
    for number, phase in enumerate(record.phases):
        sample, own = record.samples.get(number), [f for f in frames if f.phase == number]
        stamp_ns = sample.stamp_ns if sample else None
        mask = next((f.mask for f in own if f.capture.stamp_ns == stamp_ns), None)
        yield number, phase, mask, miou(frame.mask for frame in own)


def _in_units(sample: Sample) -> dict[Modality, Image]:
    return {m: KINDS[m].units().image(image) for m, image in sample.images.items()}


def _cameras(
    record: RunRecord,
    phase: PhaseRecord,
    sample: Sample,
    images: Mapping[Modality, Image],
    spans: Mapping[Modality, Span],
) -> Iterator[Rgb]:
    for modality in Modality:
        fault = phase.faults.get(modality)
        if modality in images:
            view = resized(false_color_view(modality, images[modality], spans[modality]), PANEL_PX)
        else:
            view = notice(fault.reason.value if fault else 'not received', _blank(sample))
        truth = 'works' if fault is None else fault.value.replace('_', ' ')
        said = reason_at(record, modality, sample.stamp_ns)
        yield captioned(view, f'{modality} {truth}; node says {said}', is_bad=fault is not None)


def _mask(record: RunRecord, sample: Sample, mask: MaskRecord | None, score: float | None) -> Rgb:
    if sample.mask is None or mask is None:
        return captioned(notice('no mask', _blank(sample)), 'no mask came', is_bad=True)
    picture = colorize(resized(sample.mask, PANEL_PX), record.classes)
    if (sample.mask == UNLABELED).all():
        picture = notice('unlabeled', picture)
    used = 'unknown sensors' if mask.combination is None else short_name(mask.combination)
    scored = '' if score is None else f', phase mIoU {score:.2f}'
    return captioned(picture, f'mask from {used}{scored}')


def _truth(record: RunRecord, sample: Sample) -> Rgb:
    picture = colorize(resized(sample.truth, PANEL_PX), record.classes)
    return captioned(picture, f'truth at {record.time_s(sample.stamp_ns):.1f} s')


def _blank(sample: Sample) -> Rgb:
    """Return a black panel of the size of the others."""
    return np.zeros((*resized(sample.truth, PANEL_PX).shape, 3), np.uint8)
