"""``mm-robust-seg bundle-info``: verify a model bundle and show what is in it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.modality import ModalitySet

DESCRIPTION = """\
Verify every checksum of a model bundle and print its manifest: classes, inputs, the combinations
of sensors that it serves with the size of their files, and the measured scores."""
EXAMPLE = 'mm-robust-seg bundle-info sim'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument('bundle', help='model folder, or the name of one in models/')
    parser.add_argument('--json', action='store_true', help='print as JSON')


def run(args: argparse.Namespace) -> int:
    """Print the bundle.

    Raises:
        BundleError: if a file is missing or altered, or the manifest is not understood.
    """
    bundle = load_bundle(find_bundle(args.bundle))
    if args.json:
        Console(soft_wrap=True).print_json(json.dumps(facts(bundle)))
    else:
        Console(highlight=False).print(_page(bundle))
    return 0


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
        'scores': {name: dict(row) for name, row in bundle.scores.items()},
        'provenance': dict(bundle.provenance),
    }


def _combination(bundle: Bundle, combination: ModalitySet) -> dict[str, int | float | None]:
    adapter = bundle.adapters.get(combination)
    return {
        'graph_bytes': bundle.graphs[combination].stat().st_size,
        'adapter_bytes': adapter.stat().st_size if adapter else None,
        'adapter_share': _share(bundle, combination),
    }


def _share(bundle: Bundle, combination: ModalitySet) -> float | None:
    """Return the adapter's parameters over the network's, where the provenance says them."""
    total = bundle.provenance.get('parameters')
    own = bundle.provenance.get('adapter_parameters', {}).get(str(combination))
    return own / total if own and total else None


def _page(bundle: Bundle) -> RenderableType:
    title = f'{bundle.name}: {bundle.description}'
    verified = f'{len(bundle.checksums)} files verified in {bundle.path}'
    return Group(
        Text(title, style='bold'),
        Text(f'licence: {bundle.licence}'),
        Text(verified, style='green'),
        Text(f'precision: {bundle.precision}; golden label maps: {len(bundle.golden)}'),
        _classes(bundle),
        _combinations(bundle),
        _rows('inputs', bundle.inputs.numbers()),
        _rows('provenance', dict(bundle.provenance)),
    )


def _classes(bundle: Bundle) -> Columns:
    lines = []
    for number, item in enumerate(bundle.classes):
        red, green, blue = item.color
        swatch = Text('  ', style=f'on rgb({red},{green},{blue})')
        lines.append(swatch.append(f' {number} {item.name}', style='default on default'))
    return Columns(lines, column_first=True, title='classes')


def _combinations(bundle: Bundle) -> Table:
    kinds = list(dict.fromkeys(kind for row in bundle.scores.values() for kind in row))
    table = Table()
    table.add_column('combination', no_wrap=True)
    for name in ('graph kB', 'adapter kB', 'share', *kinds):
        table.add_column(escape(name), justify='right')
    for combination in bundle.combinations:
        entry, scores = _combination(bundle, combination), bundle.scores.get(str(combination), {})
        share, adapter = entry['adapter_share'], entry['adapter_bytes']
        table.add_row(
            str(combination),
            f'{(entry["graph_bytes"] or 0) / 1000:.0f}',
            '-' if adapter is None else f'{adapter / 1000:.0f}',
            '-' if share is None else f'{share:.2%}',
            *(f'{100 * scores[kind]:.1f}' if kind in scores else '-' for kind in kinds),
        )
    base_kb = bundle.base.stat().st_size / 1000
    meaning = bundle.provenance.get('scores', 'see the provenance')
    table.caption = (
        f"base weights: {base_kb:.0f} kB; share: the adapter's of the network's parameters; "
        f'scores in percent: {escape(str(meaning))}'
    )
    return table


def _rows(title: str, values: dict[str, Any]) -> Table:
    table = Table(title=title, title_justify='left', show_header=False, box=None)
    for name, value in values.items():
        table.add_row(escape(name), escape(str(value)))
    return table
