# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg adapt``: small adapters on a frozen complete-input network."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from mm_robust_seg.commands.options import add_run, recipe_of, trained
from mm_robust_seg.report.terminal import Result

EXAMPLE = (
    'mm-robust-seg adapt config/train_mm5.yaml --base runs/mm5 --method ssf --data MM5 '
    '--out runs/mm5-ssf'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser, 'ssf')
    parser.add_argument(
        '--base', type=Path, required=True, help='run or bundle with the network to freeze'
    )
    parser.add_argument(
        '--importance',
        type=Path,
        help='file of "mm-robust-seg importance": adapt where it matters',
    )


def run(args: argparse.Namespace) -> Result:
    """Train an adapter for every incomplete combination and keep checkpoints."""
    recipe = replace(recipe_of(args), pretrained='')
    then = f'mm-robust-seg export {args.out} --out BUNDLE'
    return trained(args, 'adapt', recipe, then, args.base, args.importance)
