# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The timeline of a run: sensor states, combination, accuracy and latency over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.patches import Patch
import numpy as np

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.files import write_bytes
from mm_robust_seg.modality import all_combinations, Modality, ModalitySet
from mm_robust_seg.observation.captures import reference_frames, ReferenceFrame
from mm_robust_seg.observation.record import RunRecord
from mm_robust_seg.observation.score import miou
from mm_robust_seg.report.figures import new_figure, png, tidy
from mm_robust_seg.report.palette import FAINT, GREEN, NAVY, RED, SERIES, SHADE, STATES, VIOLET
from mm_robust_seg.report.views import short_name

SIZE_IN = (15.0, 10.0)

_LIGHT_TEXT = {Reason.SILENT, Reason.GONE, Reason.DARK, Reason.FROZEN, Reason.OK}
_SMOOTH_NS = 500_000_000


def draw_timeline(record: RunRecord, path: Path) -> None:
    """Write the figure; times are seconds since the first capture."""
    frames, end_s = reference_frames(record), record.time_s(record.end_ns) or 1.0
    figure = new_figure(*SIZE_IN)
    sensors, combination, score, latency = figure.subplots(
        4, 1, sharex=True, height_ratios=[3, 3, 2.4, 2.4]
    )
    _draw_sensors(sensors, record, end_s)
    _draw_combination(combination, record, frames)
    _draw_score(score, record)
    _draw_latency(latency, record)
    for axes in (sensors, combination, score, latency):
        tidy(axes)
        axes.tick_params(labelsize=11)
        _shade_phases(axes, record)
    sensors.grid(visible=False)
    _name_phases(sensors, record)
    latency.set_xlabel('time (s)', fontsize=12)
    latency.set_xlim(0.0, end_s)
    write_bytes(path, png(figure))


def spans(
    record: RunRecord, modality: Modality, end_s: float
) -> Iterator[tuple[float, float, Reason]]:
    """Yield (start, end, reason) of each state of a sensor, seconds within the run."""
    start_s, reason = 0.0, None
    for state in record.states:
        said, at_s = state.reasons.get(modality), record.time_s(state.arrival_ns)
        if said is reason:
            continue
        at_s = min(max(at_s, 0.0), end_s)
        if reason is not None and at_s > start_s:
            yield start_s, at_s, reason
        start_s, reason = at_s if reason is not None else max(at_s, 0.0), said
    if reason is not None and end_s > start_s:
        yield start_s, end_s, reason


def _draw_sensors(axes: Any, record: RunRecord, end_s: float) -> None:
    for row, modality in enumerate(Modality):
        for start_s, stop_s, reason in spans(record, modality, end_s):
            color = STATES.get(reason, RED)
            axes.broken_barh(
                [(start_s, stop_s - start_s)], (row - 0.36, 0.6), color=color, zorder=2
            )
            _name_bar(axes, (start_s, stop_s, end_s), row - 0.06, reason)
        for phase in record.phases:
            if modality in phase.faults:
                start_s = record.time_s(phase.start_ns)
                length_s = (phase.end_ns - phase.start_ns) * 1e-9
                axes.broken_barh([(start_s, length_s)], (row + 0.3, 0.1), color=RED, zorder=2)
    axes.set_yticks(range(len(Modality)), [str(m) for m in Modality])
    axes.set_ylim(len(Modality) - 0.4, -0.55)
    seen = dict.fromkeys(reason for state in record.states for reason in state.reasons.values())
    axes.legend(
        handles=[Patch(color=STATES.get(reason, RED), label=str(reason)) for reason in seen],
        loc='upper center',
        bbox_to_anchor=(0.5, -0.02),
        ncols=8,
        fontsize=10,
        frameon=False,
    )
    axes.set_ylabel('sensor states\n(red line: true fault)', fontsize=12)


def _name_bar(axes: Any, span: tuple[float, float, float], y: float, reason: Reason) -> None:
    start_s, stop_s, end_s = span
    room = (stop_s - start_s) / end_s
    light = 'white' if reason in _LIGHT_TEXT or reason not in STATES else 'black'
    needed = 0.0088 * len(reason.value)
    if room > needed * 0.7:
        size = 10 if room > needed else 7
        middle_s = (start_s + stop_s) / 2
        axes.text(middle_s, y, reason.value, color=light, fontsize=size, ha='center', va='center')


def _draw_combination(axes: Any, record: RunRecord, frames: Sequence[ReferenceFrame]) -> None:
    rows = [*all_combinations(), ModalitySet()]
    known = [(m.stamp_ns, m.combination) for m in record.masks if m.combination is not None]
    times_s = [record.time_s(stamp_ns) for stamp_ns, _ in known]
    heights = [rows.index(combination) for _, combination in known]
    axes.step(times_s, heights, where='post', color=FAINT, linewidth=1.0, zorder=2)
    axes.plot(times_s, heights, '.', color=NAVY, markersize=5, zorder=3)
    lost_s = [record.time_s(frame.capture.stamp_ns) for frame in frames if frame.mask is None]
    axes.plot(lost_s, [len(rows) - 0.35] * len(lost_s), '|', color=RED, markersize=8, zorder=3)
    axes.set_yticks(range(len(rows)), [short_name(row) for row in rows])
    axes.set_ylim(len(rows) - 0.1, -0.5)
    axes.set_ylabel('mask made from\n(red tick: no mask)', fontsize=12)


def _draw_score(axes: Any, record: RunRecord) -> None:
    scored = [mask for mask in record.masks if mask.confusion is not None]
    stamps = np.array([mask.stamp_ns for mask in scored], np.int64)
    first = np.searchsorted(stamps, stamps - _SMOOTH_NS // 2)
    last = np.searchsorted(stamps, stamps + _SMOOTH_NS // 2, side='right')
    single = [miou([mask]) for mask in scored]
    smooth = [miou(scored[a:b]) for a, b in zip(first, last, strict=True)]
    times_s = (stamps - record.start_ns) * 1e-9
    axes.plot(times_s, np.array(single, float), '.', color=SERIES[9], markersize=4, zorder=2)
    axes.plot(times_s, np.array(smooth, float), color=GREEN, linewidth=1.8, zorder=3)
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel('mIoU\n(dots: frames, line: 0.5 s)', fontsize=12)


def _draw_latency(axes: Any, record: RunRecord) -> None:
    values = [mask.latency_ms for mask in record.masks]
    times_s = [record.time_s(mask.stamp_ns) for mask in record.masks]
    axes.plot(times_s, values, '.', color=VIOLET, markersize=5, zorder=3)
    if values:
        middle = float(np.median(values))
        axes.axhline(middle, color=VIOLET, linewidth=1.0, linestyle='--', zorder=2)
        axes.annotate(
            f'dashed: median {middle:.0f} ms', (1.0, 1.0), xycoords='axes fraction',
            xytext=(-6, -6), textcoords='offset points', ha='right', va='top', fontsize=10,
            color=VIOLET,
        )  # fmt: skip
        axes.set_ylim(0.0, max(values) * 1.15)
    axes.set_ylabel('capture to mask (ms)', fontsize=12)


def _shade_phases(axes: Any, record: RunRecord) -> None:
    for index, phase in enumerate(record.phases):
        start_s, end_s = record.time_s(phase.start_ns), record.time_s(phase.end_ns)
        axes.axvspan(start_s, end_s, color=SHADE if index % 2 else 'white', zorder=0)
        axes.axvline(start_s, color=FAINT, linewidth=0.8, zorder=1)


def _name_phases(axes: Any, record: RunRecord) -> None:
    for number, phase in enumerate(record.phases, start=1):
        middle_s = record.time_s((phase.start_ns + phase.end_ns) // 2)
        axes.annotate(
            f'{number} {phase.name}', (middle_s, 1.0), xycoords=('data', 'axes fraction'),
            xytext=(0, 5), textcoords='offset points', ha='center', fontsize=11, fontweight='bold',
        )  # fmt: skip
