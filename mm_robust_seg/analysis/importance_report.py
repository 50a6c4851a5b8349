"""The importance of modalities as JSON, as tables and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import io
import math
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.analysis.importance import Importance
from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.files import write_bytes, write_json
from mm_robust_seg.modality import ModalitySet

SCHEMA = 2
_DPI = 110
Facts = Mapping[str, Any]
Grid = NDArray[np.float64]


def facts_of(found: Importance, classes: Sequence[SegmentationClass]) -> dict[str, Any]:
    """Return what ``importance.json`` holds.

    ``classes`` has the IoU on complete input and by how much it falls without each modality;
    None where a class does not occur. ``blocks`` is what placement reads.
    """
    complete = max(found.confusion, key=len)
    iou = {c: matrix.iou() for c, matrix in found.confusion.items()}
    miou = {c: matrix.miou() for c, matrix in found.confusion.items()}
    without = {m.value: complete - ModalitySet([m]) for m in complete}
    return {
        'schema': SCHEMA,
        'modalities': list(without),
        'miou': _drops(miou[complete], {m: miou[c] for m, c in without.items()}),
        'classes': {
            item.name: _drops(iou[complete][i], {m: iou[c][i] for m, c in without.items()})
            for i, item in enumerate(classes)
        },
        'blocks': dict(found.blocks),
        'fusion_inputs': {
            m: [value for (_, of), value in found.fusion_inputs.items() if of.value == m]
            for m in without
        },
    }


def write_report(facts: Facts, out: Path) -> None:
    """Write ``importance.png``, ``importance.md`` and, last, ``importance.json``."""
    title = (
        f'{facts["network"]} on {facts["samples"]} samples of {facts["dataset"]} {facts["split"]}'
    )
    write_bytes(out / 'importance.png', heat_map(facts, title))
    write_bytes(out / 'importance.md', to_markdown(facts, title).encode())
    write_json(out / 'importance.json', facts)


def layers_of(facts: Facts) -> dict[str, list[float]]:
    """Return, by layer that every encoder has, the importance for each modality."""
    names = facts['modalities']
    prefix = f'encoders.{names[0]}.'
    layers = [block.removeprefix(prefix) for block in facts['blocks'] if block.startswith(prefix)]
    rows = {layer: [facts['blocks'][f'encoders.{m}.{layer}'] for m in names] for layer in layers}
    levels = zip(*(facts['fusion_inputs'][m] for m in names), strict=True)
    return rows | {f'fusion input, 1/{4 << i}': list(row) for i, row in enumerate(levels)}


def to_markdown(facts: Facts, title: str) -> str:
    """Render everything as tables."""
    names = facts['modalities']
    scores = [('mean', facts['miou']), *facts['classes'].items()]
    classes = [
        [name, _percent(row['complete']), *(_percent(row['drop'][m]) for m in names)]
        for name, row in scores
    ]
    layers = [[name, *map(_exact, row)] for name, row in layers_of(facts).items()]
    shared = [
        [name, _exact(value)]
        for name, value in facts['blocks'].items()
        if not name.startswith('encoders.')
    ]
    return '\n'.join(
        [
            f'# {title}\n',
            'IoU on complete input, and points lost without a modality, its branch skipped; in '
            'percent.\n',
            *_table(['class', 'complete', *(f'without {m}' for m in names)], classes),
            '\nSum of |gradient x activation| on complete input, mean over the samples.\n',
            *_table(['layer of the encoders', *names], layers),
            '',
            *_table(['block behind them', 'all'], shared),
            '',
        ]
    )


def heat_map(facts: Facts, title: str) -> bytes:
    """Draw classes x modalities and layers x modalities side by side; return a PNG."""
    names = facts['modalities']
    scores = {'mean': facts['miou'], **facts['classes']}
    drops = 100 * np.array(
        [[_value(row['drop'][m]) for m in names] for row in scores.values()], np.float64
    )
    labels = [f'{name} ({_percent(row["complete"])})' for name, row in scores.items()]
    layers = layers_of(facts)
    values = np.array(list(layers.values()))
    shares = 100 * values / np.maximum(values.sum(1, keepdims=True), np.finfo(float).tiny)
    height_in = 1.8 + 0.27 * max(len(labels), len(layers))
    figure = Figure((4.6 + 1.6 * len(names), height_in), dpi=_DPI, layout='constrained')
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    left, right = figure.subplots(1, 2)
    reach = max(1.0, float(np.nanmax(np.abs(drops), initial=0.0)))
    _draw(left, drops, labels, names, ('RdBu', -reach, reach), 'IoU points lost without it')
    _draw(right, shares, list(layers), names, ('Blues', 0.0, 100.0), "% of a layer's importance")
    stream = io.BytesIO()
    figure.savefig(stream, format='png', dpi=_DPI)
    return stream.getvalue()


def _draw(
    axes: Any,
    grid: Grid,
    rows: Sequence[str],
    columns: Sequence[str],
    scale: tuple[str, float, float],
    title: str,
) -> None:
    colors, low, high = scale
    axes.imshow(grid, cmap=colors, vmin=low, vmax=high, aspect='auto')
    for (row, column), value in np.ndenumerate(grid):
        strong = abs(value) > 0.6 * high
        text = '-' if math.isnan(value) else f'{value:.1f}'
        axes.text(
            column, row, text, ha='center', va='center', fontsize=8,
            color='white' if strong else 'black',
        )  # fmt: skip
    axes.set_xticks(range(len(columns)), columns, fontsize=9)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=10)


def _drops(complete: float, without: Mapping[str, float]) -> dict[str, Any]:
    drop = {m: _or_none(complete - value) for m, value in without.items()}
    return {'complete': _or_none(complete), 'drop': drop}


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _value(value: float | None) -> float:
    return math.nan if value is None else value


def _percent(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.1f}'


def _exact(value: float) -> str:
    return f'{value:.4g}'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ['---', *['---:'] * (len(header) - 1)]
    return [f'| {" | ".join(cells)} |' for cells in (header, rule, *rows)]
