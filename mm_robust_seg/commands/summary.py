"""``mm-robust-seg summary``: what a network and its adapters cost."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.table import Table

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import COMPLETE, ModalitySet
from mm_robust_seg.network.backbones import BACKBONES
from mm_robust_seg.training.recipe import load_recipe, Recipe

if TYPE_CHECKING:
    from mm_robust_seg.network.segmenter import Segmenter

DESCRIPTION = """\
Count parameters and multiply-accumulates of a network, by part and by combination of sensors, and
the parameters of an adapter of every method. Nothing is trained or executed."""
EXAMPLE = 'mm-robust-seg summary mit_b0 --modalities rgb+depth --size 640x480'
CLASSES = 40
_MULTIPLE_PX, _LEAST_PX = 4, 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument(
        'network',
        help='recipe, run or bundle folder, name of a bundle in models/, or one of '
        + ', '.join(BACKBONES),
    )
    parser.add_argument('--size', help='WIDTHxHEIGHT of the input, in px (that of the recipe)')
    parser.add_argument(
        '--classes', type=int, help=f'of an untrained network (those of the recipe, or {CLASSES})'
    )
    parser.add_argument(
        '--modalities', help='of an untrained network, such as rgb+depth (all three)'
    )
    parser.add_argument('--json', action='store_true', help='print as JSON')


def run(args: argparse.Namespace) -> int:
    """Print the costs.

    Raises:
        ConfigError, TrainingError, BundleError: if there is no such network.
    """
    # Here, so that --help works without torch.
    from mm_robust_seg.analysis.summary import summarized  # noqa: PLC0415

    segmenter, size_px = _network(args)
    facts = summarized(segmenter, _size(args.size) if args.size else size_px)
    if args.json:
        Console(soft_wrap=True).print_json(json.dumps(facts))
    else:
        Console(highlight=False).print(_page(facts))
    return 0


def _network(args: argparse.Namespace) -> tuple[Segmenter, tuple[int, int]]:
    """Return the network that is meant, and its input's (height, width)."""
    from mm_robust_seg.training.trained import load_trained  # noqa: PLC0415

    path = Path(args.network)
    if args.network in BACKBONES:
        recipe = Recipe()
        return _untrained(recipe, args.network, args), _size_of(recipe)
    if path.is_file():
        recipe = load_recipe(path)
        return _untrained(recipe, recipe.network.backbone, args), _size_of(recipe)
    if args.classes is not None or args.modalities is not None:
        raise ConfigError(
            f'{args.network} is trained and has its classes and modalities: leave out --classes '
            'and --modalities'
        )
    segmenter, inputs = load_trained(path)
    return segmenter, (inputs.height_px, inputs.width_px)


def _untrained(recipe: Recipe, backbone: str, args: argparse.Namespace) -> Segmenter:
    from mm_robust_seg.analysis.summary import META  # noqa: PLC0415
    from mm_robust_seg.network.segmenter import Segmenter  # noqa: PLC0415

    classes = recipe.data.classes or CLASSES if args.classes is None else args.classes
    if classes < 1:
        raise ConfigError(f'--classes is {classes}: expected at least 1')
    modalities = ModalitySet.parse(args.modalities) if args.modalities else COMPLETE
    with META:
        return Segmenter(classes, modalities, backbone, recipe.network.channels)


def _size_of(recipe: Recipe) -> tuple[int, int]:
    return recipe.inputs.height_px, recipe.inputs.width_px


def _size(text: str) -> tuple[int, int]:
    """Read ``'640x480'`` as (height, width)."""
    width, _, height = text.partition('x')
    sides = [int(side) if side.isdecimal() else 0 for side in (height, width)]
    if min(sides) < _LEAST_PX or any(side % _MULTIPLE_PX for side in sides):
        raise ConfigError(
            f'--size is {text!r}: expected WIDTHxHEIGHT such as 640x480, multiples of '
            f'{_MULTIPLE_PX} from {_LEAST_PX} on'
        )
    return sides[0], sides[1]


def _page(facts: dict[str, Any]) -> RenderableType:
    title = (
        f'{facts["backbone"]} for {facts["modalities"]}, {facts["class_count"]} classes, '
        f'{facts["width_px"]} x {facts["height_px"]} px'
    )
    whole = facts['combinations'][facts['modalities']]
    complete = {'parameters': facts['parameters'], 'macs': whole['macs']}
    parts = {**facts['parts'], 'complete network': complete}
    tables = [_costs('part', parts), _costs('combination', facts['combinations'])]
    return Group(title, *tables, _adapters(facts))


def _costs(of: str, rows: dict[str, dict[str, int]]) -> Table:
    table = Table(of)
    table.add_column('parameters', justify='right')
    table.add_column('MACs (G)', justify='right')
    for name, row in rows.items():
        table.add_row(name, f'{row["parameters"]:,}', f'{row["macs"] / 1e9:.3f}')
    return table


def _adapters(facts: dict[str, Any]) -> Table:
    combinations = list(facts['combinations'])[1:]
    table = Table(box=SIMPLE, caption='parameters of an adapter, and of how much of the network')
    table.add_column('adapter', no_wrap=True)
    for name in combinations:
        table.add_column(name.replace('+', '+\n'), justify='right')
    for method, sizes in facts['adapters'].items():
        cells = ['-' if sizes is None else _share(sizes[c], facts) for c in combinations]
        table.add_row(method, *cells)
    return table


def _share(size: int, facts: dict[str, Any]) -> str:
    return f'{size:,}\n{100 * size / facts["parameters"]:.2f} %'
