"""``mm-robust-seg adapt``: small adapters on a frozen complete-input network."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from mm_robust_seg.commands.training_options import (
    add_run_arguments,
    recipe_of_arguments,
    run_command,
)

EXAMPLE = (
    'mm-robust-seg adapt config/train_mm5.yaml --base runs/mm5 --method ssf --data MM5 '
    '--out runs/mm5-ssf'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser, 'ssf')
    parser.add_argument(
        '--base', type=Path, required=True, help='run or bundle with the network to freeze'
    )
    parser.add_argument(
        '--importance',
        type=Path,
        help='file of "mm-robust-seg importance": adapt where it matters',
    )


def run(args: argparse.Namespace) -> int:
    """Train an adapter for every incomplete combination and keep checkpoints."""
    recipe = replace(recipe_of_arguments(args), pretrained='')
    return run_command(args, 'adapt', recipe, args.base, args.importance)
