"""The contact sheet of a run: one row per phase, what went in and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.files import replacing
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.captures import reference_frames
from mm_robust_seg.observation.record import MaskRecord, PhaseRecord, RunRecord, Sample
from mm_robust_seg.observation.score import miou
from mm_robust_seg.report.views import colorize, short_name

DPI = 100
WIDTH_IN, LEFT_IN, TOP_IN, BOTTOM_IN = 17.6, 1.7, 0.65, 1.15
PANEL_IN, GAP_IN, CAPTION_IN = (3.04, 2.28), 0.1, 0.28
TITLES = ('RGB', 'Thermal', 'Depth', 'Mask', 'Truth')

_SCALES = {
    Modality.THERMAL: ('inferno', 'apparent temperature (°C)'),
    Modality.DEPTH: ('viridis_r', 'distance (m), black: no return'),
}
_ZERO_CELSIUS_K = 273.15
_BELOW_MEDIAN_K = 12.0
_FAULTY, _FINE, _FAINT = '#b3261e', '#1b1b1b', '#6b6b6b'


@dataclass(frozen=True)
class _Row:
    """A phase, its sample, the mask of that, and the mIoU of all masks of the phase."""

    number: int
    phase: PhaseRecord
    sample: Sample | None
    mask: MaskRecord | None
    miou: float | None


def draw_contact_sheet(record: RunRecord, path: Path) -> None:
    """Write the sheet: RGB, thermal, depth as sent to the node, its mask, the truth."""
    rows = list(_rows(record))
    row_in = PANEL_IN[1] + CAPTION_IN
    height_in = TOP_IN + BOTTOM_IN + row_in * len(rows)
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor='white')
    FigureCanvasAgg(figure)
    norms = {m: _norm(m, [row.sample for row in rows if row.sample is not None]) for m in _SCALES}
    for row in rows:
        top_in = height_in - TOP_IN - row_in * row.number
        _label_row(figure, record, row, top_in / height_in)
        for column in range(len(TITLES)):
            axes = _panel(figure, column, top_in)
            if row.number == 0:
                axes.set_title(TITLES[column], fontsize=14, fontweight='bold', pad=24)
            _fill(axes, column, record, row, norms)
    for modality, norm in norms.items():
        _scale(figure, modality, norm)
    _legend(figure, record.classes)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def _rows(record: RunRecord) -> Iterator[_Row]:
    frames = reference_frames(record)
    for number, phase in enumerate(record.phases):
        sample, own = record.samples.get(number), [f for f in frames if f.phase == number]
        stamp_ns = sample.stamp_ns if sample else None
        mask = next((f.mask for f in own if f.capture.stamp_ns == stamp_ns), None)
        yield _Row(number, phase, sample, mask, miou(frame.mask for frame in own))


def _panel(figure: Figure, column: int, top_in: float) -> Any:
    width_in, height_in = figure.get_size_inches()
    left_in = LEFT_IN + column * (PANEL_IN[0] + GAP_IN)
    bottom_in = top_in - CAPTION_IN - PANEL_IN[1]
    axes = figure.add_axes(
        (
            left_in / width_in,
            bottom_in / height_in,
            PANEL_IN[0] / width_in,
            PANEL_IN[1] / height_in,
        )
    )
    axes.set(xticks=[], yticks=[], facecolor='black')
    return axes


def _label_row(figure: Figure, record: RunRecord, row: _Row, top: float) -> None:
    start_s, end_s = record.time_s(row.phase.start_ns), record.time_s(row.phase.end_ns)
    name = row.phase.name.replace(' ', '\n')
    y = top - (CAPTION_IN + 0.05) / figure.get_size_inches()[1]
    x = 0.12 / WIDTH_IN
    label = f'{row.number + 1}\n{name}'
    figure.text(x, y, label, fontsize=14, fontweight='bold', va='top', linespacing=1.25)
    y -= (0.32 + 0.27 * label.count('\n')) / figure.get_size_inches()[1]
    figure.text(x, y, f'{start_s:.0f} to {end_s:.0f} s', fontsize=11, color=_FAINT, va='top')


def _fill(
    axes: Any,
    column: int,
    record: RunRecord,
    row: _Row,
    norms: Mapping[Modality, Normalize],
) -> None:
    """Draw one panel with its caption."""
    if row.sample is None:
        _caption(axes, 'not sampled', _FAINT)
    elif column < len(Modality):
        _camera(axes, list(Modality)[column], record, row.phase, row.sample, norms)
    elif column == len(Modality):
        _mask(axes, record, row, row.sample)
    else:
        axes.imshow(colorize(row.sample.truth, record.classes), interpolation='nearest')
        _caption(axes, f'at {record.time_s(row.sample.stamp_ns):.1f} s', _FAINT)


def _camera(
    axes: Any,
    modality: Modality,
    record: RunRecord,
    phase: PhaseRecord,
    sample: Sample,
    norms: Mapping[Modality, Normalize],
) -> None:
    image, fault = sample.images.get(modality), phase.faults.get(modality)
    verdict = reason_at(record, modality, sample.stamp_ns)
    if image is None:
        _write(axes, fault.reason.value if fault is not None else 'not received')
    elif modality is Modality.RGB:
        axes.imshow(image, interpolation='nearest')
    else:
        shown = np.ma.masked_where(image == 0, _in_units(modality, image))
        axes.imshow(
            shown, cmap=_SCALES[modality][0], norm=norms[modality], interpolation='nearest'
        )
    truth = 'works' if fault is None else f'{fault.value.replace("_", " ")}'
    _caption(axes, f'{truth}; node says {verdict}', _FINE if fault is None else _FAULTY)


def _mask(axes: Any, record: RunRecord, row: _Row, sample: Sample) -> None:
    if sample.mask is None or row.mask is None:
        _write(axes, 'no mask')
        _caption(axes, 'no mask came', _FAINT)
        return
    axes.imshow(colorize(sample.mask, record.classes), interpolation='nearest')
    if (sample.mask == UNLABELED).all():
        _write(axes, 'unlabeled')
    combination = row.mask.combination
    used = 'unknown sensors' if combination is None else short_name(combination)
    text = f'from {used}' + ('' if row.miou is None else f', phase mIoU {row.miou:.2f}')
    _caption(axes, text, _FINE)


def reason_at(record: RunRecord, modality: Modality, stamp_ns: int) -> str:
    """Return what the node last said about a sensor before ``stamp_ns``."""
    said = [s.reasons.get(modality) for s in record.states if s.arrival_ns <= stamp_ns]
    return str((said[-1] if said else None) or 'nothing')


def _caption(axes: Any, text: str, color: str) -> None:
    axes.text(0.0, 1.02, text, transform=axes.transAxes, fontsize=11, color=color, va='bottom')


def _write(axes: Any, text: str) -> None:
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        fontsize=18,
        fontweight='bold',
        color='white',
        ha='center',
        va='center',
    )


def _in_units(modality: Modality, image: NDArray[Any]) -> NDArray[np.float64]:
    if modality is Modality.THERMAL:
        return image * 0.01 - _ZERO_CELSIUS_K
    return image * 0.001


def _norm(modality: Modality, samples: Sequence[Sample]) -> Normalize:
    """Return one range for all rows that shows the ground well; a clear sky is far colder."""
    images = [s.images[modality] for s in samples if modality in s.images]
    valid = np.concatenate([_in_units(modality, i[i > 0]) for i in images] or [np.zeros(0)])
    if not valid.size:
        return Normalize(0.0, 1.0)
    middle, high = np.percentile(valid, [50.0, 99.5])
    low = np.floor(middle - _BELOW_MEDIAN_K) if modality is Modality.THERMAL else 0.0
    return Normalize(low, np.ceil(high) + 1e-3)


def _scale(figure: Figure, modality: Modality, norm: Normalize) -> None:
    width_in, height_in = figure.get_size_inches()
    left_in = LEFT_IN + list(Modality).index(modality) * (PANEL_IN[0] + GAP_IN) + 0.2
    axes = figure.add_axes(
        (left_in / width_in, 0.78 / height_in, (PANEL_IN[0] - 0.4) / width_in, 0.14 / height_in)
    )
    name, label = _SCALES[modality]
    figure.colorbar(ScalarMappable(norm, name), cax=axes, orientation='horizontal')
    axes.set_xlabel(label, fontsize=11)
    axes.tick_params(labelsize=10)


def _legend(figure: Figure, classes: Sequence[SegmentationClass]) -> None:
    width_in, height_in = figure.get_size_inches()
    colors = [(c.name, tuple(v / 255 for v in c.color)) for c in classes]
    colors.append(('unlabeled', (0.0, 0.0, 0.0)))
    figure.legend(
        handles=[Patch(facecolor=color, label=name) for name, color in colors],
        loc='upper left',
        bbox_to_anchor=((LEFT_IN + 3 * (PANEL_IN[0] + GAP_IN)) / width_in, 1.02 / height_in),
        ncols=5,
        fontsize=11,
        frameon=False,
        handlelength=1.1,
        columnspacing=1.2,
        borderpad=0.0,
    )
