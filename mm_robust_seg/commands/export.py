"""``mm-robust-seg export``: from a finished run to a bundle that a robot loads."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
import json
from pathlib import Path
from typing import Any, TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from mm_robust_seg.errors import ConfigError, TrainingError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.training.run_folder import read_run, recipe_of

if TYPE_CHECKING:
    from torch import nn

    from mm_robust_seg.training.data.scores import Scores
    from mm_robust_seg.training.recipe import Recipe

DESIGNS = ('folded', 'shared')
EXAMPLE = 'mm-robust-seg export runs/mm5-ssf --bundle out/mm5 --data MM5'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('folder', type=Path, metavar='RUN', help='folder that train or adapt made')
    parser.add_argument('--bundle', type=Path, required=True, help='folder of the bundle')
    parser.add_argument('--data', type=Path, help='folder of the data set; none for sim')
    parser.add_argument('--no-scores', action='store_true', help='do not measure mIoU on val')
    parser.add_argument(
        '--weights', choices=('last', 'best'), default='last', help='checkpoint (default: last)'
    )
    parser.add_argument(
        '--merge',
        type=Path,
        metavar='FILE',
        help='JSON with "classes" and, for each class of the network, its place in them as '
        '"merged"; such as config/nyuv2_40_to_13.json',
    )
    parser.add_argument(
        '--design',
        choices=DESIGNS,
        default=DESIGNS[0],
        help='a folded graph per combination (default), or one shared graph, for little memory: '
        'every combination then takes the time of the complete one',
    )
    parser.add_argument('--threads', type=int, default=0, help='CPU threads; 0 means all')


def run(args: argparse.Namespace) -> int:
    """Build the method of the run again, score every combination and write the bundle."""
    # Here, so that --help works without torch.
    import torch  # noqa: PLC0415

    from mm_robust_seg.bundling.writer import write_bundle  # noqa: PLC0415
    from mm_robust_seg.network.merging import merge_classes  # noqa: PLC0415
    from mm_robust_seg.training.restore import restored_method  # noqa: PLC0415

    if args.threads:
        torch.set_num_threads(args.threads)
    console = Console()
    facts = read_run(args.folder)
    recipe = recipe_of(facts)
    recipe = replace(recipe, data=replace(recipe.data, folder=str(args.data or '')))
    method = restored_method(args.folder, facts, args.weights)
    networks = method.networks()
    if args.merge:
        merged = read_merging(args.merge, len(facts['classes']))
        for network in set(networks.values()):
            merge_classes(network, merged.places)
        facts['classes'] = merged.classes
        recipe = replace(
            recipe,
            name=args.bundle.resolve().name,
            description=merged.description or recipe.description,
            data=replace(recipe.data, classes=len(merged.classes)),
        )
    scores = {} if args.no_scores else _scores(networks, recipe, facts, console)
    for name, row in scores.items():
        text = ', '.join(f'{kind} {100 * miou:.2f}' for kind, miou in row.items())
        console.print(f'{name}: {text}', highlight=False)
    manifest = _manifest(facts, recipe, scores, args.weights)
    adapters = method.adapters()
    write_bundle(networks, adapters, recipe.input_spec, manifest, args.bundle, args.design)
    console.print(f'bundle written to {args.bundle}', highlight=False)
    return 0


@dataclass(frozen=True)
class Merging:
    """Coarser classes.

    Attributes:
        classes: name and color of each, as in a manifest.
        places: the coarser class of each class of the network.
        description: one sentence for the manifest, if it is to be another.
    """

    classes: list[dict[str, Any]]
    places: list[int]
    description: str = ''


def read_merging(path: Path, class_count: int) -> Merging:
    """Read which classes of a network of ``class_count`` classes are one.

    Raises:
        ConfigError: if the file cannot be read or does not place every class.
    """
    try:
        tree = json.loads(path.read_text(encoding='utf-8'))
        places = [int(place) for place in tree['merged']]
        found = Merging(list(tree['classes']), places, str(tree.get('description', '')))
        named = all({'name', 'color'} <= set(one) for one in found.classes)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f'{path} cannot be read as a merging of classes: {error}') from error
    used = set(found.places)
    if len(found.places) != class_count or used != set(range(len(found.classes))) or not named:
        raise ConfigError(
            f'{path} places {len(found.places)} classes into {len(found.classes)}: expected '
            f'{class_count}, the classes of the network, into classes with name and color that '
            'are all used'
        )
    return found


def _scores(
    networks: Mapping[ModalitySet, nn.Module],
    recipe: Recipe,
    facts: dict[str, Any],
    console: Console,
) -> Scores:
    from mm_robust_seg.training.data.scores import scores_of  # noqa: PLC0415
    from mm_robust_seg.training.data.splits import load  # noqa: PLC0415

    val = load(recipe, 'val')
    if [c.name for c in val.classes] != [c['name'] for c in facts['classes']]:
        raise TrainingError(
            'the data set has other classes than the run: give its own with --data'
        )
    with Progress(console=console) as progress:
        bar = progress.add_task('validation', total=len(val))
        return scores_of(networks, val, recipe, lambda: progress.advance(bar))


def _manifest(
    facts: dict[str, Any], recipe: Recipe, scores: Scores, weights: str
) -> dict[str, Any]:
    own = facts['parameters']['per_combination']
    return {
        'name': recipe.name,
        'description': recipe.description,
        'licence': facts['licence'],
        'classes': facts['classes'],
        'scores': scores,
        'provenance': {
            'network': f'{recipe.network.backbone} encoder per sensor, gated fusion, sum decoder',
            'method': facts['method'],
            'weights': weights,
            'start': facts['start'],
            'parameters': facts['parameters']['base'],
            'adapter_parameters': {name: number for name, number in own.items() if number},
            **facts['provenance'],
            'scores': 'mIoU on val, float32, at the size of the labels',
            'seed': recipe.seed,
            'epochs': {'base': recipe.base.epochs, 'adapters': recipe.adapters.epochs},
            'steps': facts['steps'],
            'seconds': facts['seconds'],
        },
    }
