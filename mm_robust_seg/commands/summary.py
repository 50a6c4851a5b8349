# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg summary``: what a network and its adapters cost."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, TYPE_CHECKING

from mm_robust_seg import plugins
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import COMPLETE, ModalitySet
from mm_robust_seg.network.backbones import BACKBONES
from mm_robust_seg.report.document import Block, Heading, Table, Text
from mm_robust_seg.report.terminal import Result
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
    parser.add_argument(
        'network',
        help='recipe, run or bundle folder, name of a bundle in models/, or one of '
        + ', '.join(_backbones()),
    )
    parser.add_argument('--size', help='WIDTHxHEIGHT of the input, in px (that of the recipe)')
    parser.add_argument(
        '--classes', type=int, help=f'of an untrained network (those of the recipe, or {CLASSES})'
    )
    parser.add_argument(
        '--modalities', help='of an untrained network, such as rgb+depth (all three)'
    )


def run(args: argparse.Namespace) -> Result:
    """Count the costs.

    Raises:
        ConfigError, TrainingError, BundleError: if there is no such network.
    """
    from mm_robust_seg.analysis.summary import summarized

    segmenter, size_px = _network(args)
    facts = summarized(segmenter, _size(args.size) if args.size else size_px)
    return Result(facts, _blocks(facts), 'mm-robust-seg train RECIPE --set NAME=VALUE changes it')


def _network(args: argparse.Namespace) -> tuple[Segmenter, tuple[int, int]]:
    """Return the network that is meant, and its input's (height, width)."""
    from mm_robust_seg.training.trained import load_trained

    path = Path(args.network)
    if args.network in _backbones():
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


def _backbones() -> tuple[str, ...]:
    return (*BACKBONES, *plugins.NETWORKS.names)


def _untrained(recipe: Recipe, backbone: str, args: argparse.Namespace) -> Segmenter:
    from mm_robust_seg.analysis.summary import META
    from mm_robust_seg.network.segmenter import Segmenter

    classes = recipe.data.classes or CLASSES if args.classes is None else args.classes
    if classes < 1:
        raise ConfigError(f'--classes is {classes}: expected at least 1')
    modalities = ModalitySet.parse(args.modalities) if args.modalities else COMPLETE
    with META:
        channels, validity = recipe.network.channels, recipe.inputs.validity
        return Segmenter(classes, modalities, backbone, channels, validity)


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


def _blocks(facts: dict[str, Any]) -> list[Block]:
    whole = facts['combinations'][facts['modalities']]
    complete = {'parameters': facts['parameters'], 'macs': whole['macs']}
    return [
        Heading(
            f'{facts["backbone"]} for {facts["modalities"]}, {facts["class_count"]} classes, '
            f'{facts["width_px"]} x {facts["height_px"]} px'
        ),
        _costs('part', {**facts['parts'], 'complete network': complete}),
        _costs('combination', facts['combinations']),
        _adapters(facts),
        Text('parameters of an adapter, and of how much of the network'),
    ]


def _costs(of: str, rows: dict[str, dict[str, int]]) -> Table:
    cells = [(n, f'{row["parameters"]:,}', f'{row["macs"] / 1e9:.3f}') for n, row in rows.items()]
    return Table((of, 'parameters', 'MACs (G)'), cells)


def _adapters(facts: dict[str, Any]) -> Table:
    names = list(facts['combinations'])[1:]
    rows = [
        (method, *('-' if sizes is None else _share(sizes[name], facts) for name in names))
        for method, sizes in facts['adapters'].items()
    ]
    return Table(('adapter', *(name.replace('+', '+\n') for name in names)), rows)


def _share(size: int, facts: dict[str, Any]) -> str:
    return f'{size:,}\n{100 * size / facts["parameters"]:.2f} %'
