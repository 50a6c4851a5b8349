"""``mm-robust-seg train``: from a recipe to a bundle."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mm_robust_seg.training.recipe import load_recipe

EXAMPLE = 'mm-robust-seg train config/train_mm5.yaml --data MM5 --out runs/mm5 --bundle out/mm5'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('recipe', type=Path, help='YAML recipe, such as config/train_sim.yaml')
    parser.add_argument('--data', type=Path, help='folder of the data set')
    parser.add_argument('--pretrained', type=Path, help='MobileNetV2 weights to start from (.npz)')
    parser.add_argument('--out', type=Path, required=True, help='folder of checkpoints and log')
    parser.add_argument('--bundle', type=Path, required=True, help='folder of the finished bundle')
    parser.add_argument('--resume', action='store_true', help='go on where --out stopped')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads; 0 means all')


def run(args: argparse.Namespace) -> int:
    """Train base and adapters, print mIoU per combination, write the bundle."""
    # Here, so that --help works without torch.
    import torch  # noqa: PLC0415

    from mm_robust_seg.training.train import train  # noqa: PLC0415

    recipe = load_recipe(args.recipe)
    if args.data:
        recipe = replace(recipe, data=replace(recipe.data, folder=str(args.data)))
    if args.pretrained:
        recipe = replace(recipe, pretrained=str(args.pretrained))
    if args.threads:
        torch.set_num_threads(args.threads)
    train(recipe, args.out, args.bundle, args.resume, Console())
    return 0
