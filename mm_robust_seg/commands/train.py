# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg train``: from a recipe to a trained network."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from mm_robust_seg.commands.options import add_pretrained, add_run, recipe_of, trained
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.report.terminal import Result

EXAMPLE = (
    'mm-robust-seg train config/train_mm5.yaml --method self_distillation --data MM5 --pretrained '
    '--out runs/mm5'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser, 'complete')
    start = parser.add_mutually_exclusive_group()
    add_pretrained(start)
    start.add_argument(
        '--init', type=Path, help='run or bundle whose complete-input network to start from'
    )


def run(args: argparse.Namespace) -> Result:
    """Train a network and keep checkpoints."""
    recipe = recipe_of(args)
    if args.pretrained:
        recipe = replace(recipe, pretrained=str(args.pretrained))
    if args.init and recipe.pretrained:
        raise ConfigError('the recipe names pretrained encoders: leave out either them or --init')
    then = f'mm-robust-seg adapt {args.recipe} --base {args.out} --out {args.out}-ssf'
    return trained(args, 'train', recipe, then, args.init)
