# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg bundle-info``: verify a model bundle and show what is in it."""

from __future__ import annotations

import argparse
from typing import Any

from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.commands.options import add_bundle
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.report.document import Block, Heading, Table, Text
from mm_robust_seg.report.terminal import Result

DESCRIPTION = """\
Verify every checksum of a model bundle and print its manifest: classes, inputs, the combinations
of sensors that it serves with the size of their files, and the measured scores."""
EXAMPLE = 'mm-robust-seg bundle-info sim'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)


def run(args: argparse.Namespace) -> Result:
    """Verify and describe the bundle.

    Raises:
        BundleError: if a file is missing or altered, or the manifest is not understood.
    """
    bundle = load_bundle(find_bundle(args.bundle))
    then = f'mm-robust-seg replay BAG --bundle {args.bundle}'
    return Result(facts(bundle), _blocks(bundle), then)


def facts(bundle: Bundle) -> dict[str, Any]:
    """Return the manifest with file sizes and the adapters' shares, for JSON."""
    return {
        'name': bundle.name,
        'path': str(bundle.path),
        'verified_files': len(bundle.checksums),
        'description': bundle.description,
        'licence': bundle.licence,
        'classes': [{'name': c.name, 'color': list(c.color)} for c in bundle.classes],
        'inputs': bundle.inputs.numbers(),
        'precision': bundle.precision,
        'golden': [str(combination) for combination in bundle.golden],
        'base_bytes': bundle.base.stat().st_size,
        'combinations': {str(c): _combination(bundle, c) for c in bundle.combinations},
        'break_even': {str(m): dict(table) for m, table in bundle.break_even.items()},
        'scores': {name: dict(row) for name, row in bundle.scores.items()},
        'provenance': dict(bundle.provenance),
    }


def _combination(bundle: Bundle, combination: ModalitySet) -> dict[str, int | float | None]:
    adapter, known = bundle.adapters.get(combination), bundle.facts[combination]
    height_px, width_px = known.size_px or (bundle.inputs.height_px, bundle.inputs.width_px)
    return {
        'graph_bytes': bundle.graphs[combination].stat().st_size,
        'adapter_bytes': adapter.stat().st_size if adapter else None,
        'adapter_share': _share(bundle, combination),
        'height_px': height_px,
        'width_px': width_px,
        'temperature': known.temperature,
        'miou': known.miou,
    }


def _share(bundle: Bundle, combination: ModalitySet) -> float | None:
    """Return the adapter's parameters over the network's, where the provenance says them."""
    total, adapters = (bundle.provenance.get(n) for n in ('parameters', 'adapter_parameters'))
    own = adapters.get(str(combination)) if isinstance(adapters, dict) else None
    if not isinstance(own, (int, float)) or not isinstance(total, (int, float)) or total <= 0:
        return None
    return own / total


def _blocks(bundle: Bundle) -> list[Block]:
    base_kb = bundle.base.stat().st_size / 1000
    meaning = bundle.provenance.get('scores', 'see the provenance')
    return [
        Heading(f'{bundle.name}: {bundle.description}'),
        Text(f'licence: {bundle.licence}'),
        Text(f'{len(bundle.checksums)} files verified in {bundle.path}', 'good'),
        Text(f'precision: {bundle.precision}; golden label maps: {len(bundle.golden)}'),
        Table(
            ('classes',),
            [(f'{number} {item.name}',) for number, item in enumerate(bundle.classes)],
            colors=[item.color for item in bundle.classes],
        ),
        _combinations(bundle),
        Text(
            f"base weights: {base_kb:.0f} kB; share: the adapter's of the network's parameters; "
            f'scores in percent: {meaning}'
        ),
        *_break_even(bundle),
        Heading('inputs'),
        _rows(bundle.inputs.numbers()),
        Heading('provenance'),
        _rows(dict(bundle.provenance)),
    ]


def _break_even(bundle: Bundle) -> list[Block]:
    rows = [
        (str(modality), kind, f'{share:.0%}')
        for modality, table in bundle.break_even.items()
        for kind, share in table.items()
    ]
    if not rows:
        return []
    return [Heading('better without'), Table(('sensor', 'damaged by', 'from'), rows, left=2)]


def _combinations(bundle: Bundle) -> Table:
    kinds = list(dict.fromkeys(kind for row in bundle.scores.values() for kind in row))
    rows = []
    for combination in bundle.combinations:
        entry, scores = _combination(bundle, combination), bundle.scores.get(str(combination), {})
        share, adapter = entry['adapter_share'], entry['adapter_bytes']
        cells = (f'{100 * scores[kind]:.1f}' if kind in scores else '-' for kind in kinds)
        rows.append(
            (
                str(combination),
                f'{(entry["graph_bytes"] or 0) / 1000:.0f}',
                '-' if adapter is None else f'{adapter / 1000:.0f}',
                '-' if share is None else f'{share:.2%}',
                *cells,
            )
        )
    return Table(('combination', 'graph kB', 'adapter kB', 'share', *kinds), rows)


def _rows(values: dict[str, Any]) -> Table:
    return Table(('', ''), [(name, str(value)) for name, value in values.items()], left=2)
