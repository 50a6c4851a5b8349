"""Options that ``train`` and ``adapt`` share, and what is made of them."""

from __future__ import annotations

import argparse
from dataclasses import replace
import json
import os
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.training.recipe import load_recipe, Recipe
from mm_robust_seg.training.run_folder import read_run

if TYPE_CHECKING:
    import torch

    from mm_robust_seg.training.run import Command

DEVICES = ('auto', 'cpu', 'cuda')


def add_run_arguments(parser: argparse.ArgumentParser, method: str) -> None:
    """Declare the options; ``method`` is the default."""
    parser.add_argument('recipe', type=Path, help='YAML recipe, such as config/train_sim.yaml')
    parser.add_argument(
        '--method', default=method, help=f'name; a wrong one lists all (default: {method})'
    )
    parser.add_argument('--data', type=Path, help='folder of the data set; none for sim')
    parser.add_argument('--out', type=Path, required=True, help='folder of the run')
    parser.add_argument('--resume', action='store_true', help='go on where --out stopped')
    parser.add_argument('--seed', type=int, help='seed of everything random')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads; 0 means all')
    parser.add_argument(
        '--set', action='append', default=[], metavar='NAME=VALUE', help='change the recipe'
    )
    parser.add_argument('--device', choices=DEVICES, default='auto', help='default: auto')
    parser.add_argument('--json', action='store_true', help='print run.json in the end')


def recipe_of_arguments(args: argparse.Namespace) -> Recipe:
    """Read the recipe with what the options change."""
    seed = [] if args.seed is None else [f'seed={args.seed}']
    recipe = load_recipe(args.recipe, [*args.set, *seed])
    if args.data:
        recipe = replace(recipe, data=replace(recipe.data, folder=str(args.data)))
    return recipe


def run_command(
    args: argparse.Namespace,
    command: Command,
    recipe: Recipe,
    start: Path | None,
    importance: Path | None = None,
) -> int:
    """Train, with progress on the terminal, and print the result if it is asked for."""
    # Here, so that --help works without torch.
    import torch  # noqa: PLC0415

    from mm_robust_seg.training.run import run_method, RunRequest  # noqa: PLC0415

    if args.threads:
        torch.set_num_threads(args.threads)
    device = chosen_device(args.device)
    request = RunRequest(
        command, args.method, recipe, start, args.out, args.resume, device, importance
    )
    run_method(request, Console(stderr=args.json))
    if args.json and int(os.environ.get('RANK', '0')) == 0:
        sys.stdout.write(json.dumps(read_run(args.out), indent=2) + '\n')
    return 0


def chosen_device(name: str) -> torch.device:
    """Return the device; a process of several gets its own GPU.

    Raises:
        ConfigError: if a GPU is asked for and there is none.
    """
    import torch  # noqa: PLC0415

    from mm_robust_seg.training.loop.process_group import local_rank  # noqa: PLC0415

    if name == 'cpu' or (name == 'auto' and not torch.cuda.is_available()):
        return torch.device('cpu')
    if not torch.cuda.is_available():
        raise ConfigError('torch finds no GPU for --device cuda: install a CUDA build, or use cpu')
    device = torch.device('cuda', local_rank())
    torch.cuda.set_device(device)
    return device
