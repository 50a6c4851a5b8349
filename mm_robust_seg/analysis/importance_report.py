# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The importance of modalities as JSON, as tables and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from pathlib import Path
from typing import Any

import numpy as np

from mm_robust_seg.analysis.importance import Importance
from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.files import write_json
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.report.charts import heat_maps, HeatMap
from mm_robust_seg.report.document import Block, Picture, Table, Text, write_document

SCHEMA, IMPORTANCE = 3, 'importance.json'
Facts = Mapping[str, Any]


def facts_of(found: Importance, classes: Sequence[SegmentationClass]) -> dict[str, Any]:
    """Return what ``importance.json`` holds.

    ``classes`` has the IoU on complete input and by how much it falls without each modality;
    None where a class does not occur. ``combinations`` is what placement reads.
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
        'combinations': {str(c): dict(blocks) for c, blocks in found.combinations.items()},
        'fusion_inputs': {
            m: [value for (_, of), value in found.fusion_inputs.items() if of.value == m]
            for m in without
        },
    }


def write_report(facts: Facts, out: Path) -> None:
    """Write ``importance.md``, its picture and, last, ``importance.json``."""
    title = (
        f'{facts["network"]} on {facts["samples"]} samples of {facts["dataset"]} {facts["split"]}'
    )
    write_document(title, report(facts), out / 'importance.md')
    write_json(out / IMPORTANCE, facts)


def layers_of(facts: Facts) -> dict[str, list[float]]:
    """Return, by layer that every encoder has, the importance for each modality."""
    names = facts['modalities']
    prefix = f'encoders.{names[0]}.'
    layers = [block.removeprefix(prefix) for block in facts['blocks'] if block.startswith(prefix)]
    rows = {layer: [facts['blocks'][f'encoders.{m}.{layer}'] for m in names] for layer in layers}
    levels = zip(*(facts['fusion_inputs'][m] for m in names), strict=True)
    return rows | {f'fusion input, 1/{4 << i}': list(row) for i, row in enumerate(levels)}


def report(facts: Facts) -> list[Block]:
    """Return the blocks of ``importance.md``."""
    names = facts['modalities']
    scores = {'mean': facts['miou'], **facts['classes']}
    classes = [
        (name, _percent(row['complete']), *(_percent(row['drop'][m]) for m in names))
        for name, row in scores.items()
    ]
    layers = [(name, *map(_exact, row)) for name, row in layers_of(facts).items()]
    shared = [
        (name, _exact(value))
        for name, value in facts['blocks'].items()
        if not name.startswith('encoders.')
    ]
    return [
        _picture(facts),
        Text(
            'IoU on complete input, and points lost without a modality, its branch skipped; in '
            'percent.'
        ),
        Table(('class', 'complete', *(f'without {m}' for m in names)), classes),
        Text('Sum of |gradient x activation| on complete input, mean over the samples.'),
        Table(('layer of the encoders', *names), layers),
        Table(('block behind them', 'all'), shared),
        Text(
            'The same on incomplete input, each block as a share of all in percent: adapters are '
            'placed by it.'
        ),
        _by_combination(facts),
    ]


def _by_combination(facts: Facts) -> Table:
    combinations = facts['combinations']
    sums = {c: sum(blocks.values()) or 1.0 for c, blocks in combinations.items()}
    rows = [
        (name, *(_percent(blocks[name] / sums[c]) for c, blocks in combinations.items()))
        for name in facts['blocks']
    ]
    return Table(('block', *combinations), rows)


def _picture(facts: Facts) -> Picture:
    """Draw classes x modalities and layers x modalities side by side."""
    names = facts['modalities']
    scores = {'mean': facts['miou'], **facts['classes']}
    drops = np.array([[_value(row['drop'][m]) for m in names] for row in scores.values()])
    labels = [f'{name} ({_percent(row["complete"])})' for name, row in scores.items()]
    layers = layers_of(facts)
    values = np.array(list(layers.values()))
    shares = values / np.maximum(values.sum(1, keepdims=True), np.finfo(float).tiny)
    reach = max(1.0, 100 * float(np.nanmax(np.abs(drops), initial=0.0)))
    panels = [
        HeatMap(labels, names, 100 * drops, 'IoU points lost without it', True, reach),
        HeatMap(list(layers), names, 100 * shares, "% of a layer's importance"),
    ]
    caption = 'What each sensor carries: for every class (IoU on complete input), in every layer.'
    return Picture('importance.png', heat_maps(panels), caption)


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
