"""``mm-robust-seg train``: from a recipe to a trained network."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from mm_robust_seg.commands.training_options import (
    add_run_arguments,
    recipe_of_arguments,
    run_command,
)
from mm_robust_seg.errors import ConfigError

EXAMPLE = (
    'mm-robust-seg train config/train_mm5.yaml --data MM5 --pretrained WEIGHTS.npz --out runs/mm5'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser, 'complete')
    start = parser.add_mutually_exclusive_group()
    start.add_argument('--pretrained', type=Path, help='weights of the encoders (.npz)')
    start.add_argument(
        '--init', type=Path, help='run or bundle whose complete-input network to start from'
    )


def run(args: argparse.Namespace) -> int:
    """Train a network and keep checkpoints."""
    recipe = recipe_of_arguments(args)
    if args.pretrained:
        recipe = replace(recipe, pretrained=str(args.pretrained))
    if args.init and recipe.pretrained:
        raise ConfigError('the recipe names pretrained encoders: leave out either them or --init')
    return run_command(args, 'train', recipe, args.init)
