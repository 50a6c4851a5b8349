# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg quantize``: from a float32 bundle to one in fp16 or int8."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle, PRECISIONS
from mm_robust_seg.commands.options import add_bundle, add_dataset, open_dataset
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.report.document import Table, Text
from mm_robust_seg.report.terminal import Result, TerminalProgress

if TYPE_CHECKING:
    from mm_robust_seg.bundling.quantize import Calibration
    from mm_robust_seg.datasets.samples import Dataset

DESCRIPTION = """\
Write a float32 bundle in another precision; every engine loads it as before.

fp16 halves weights and activations. int8 quantises convolutions and matrix products after training
(explicit Q/DQ nodes); the ranges of its activations are taken from images of the train split.
With a data set, the mIoU of every combination on val is measured before and after, on the CPU."""
EXAMPLE = 'mm-robust-seg quantize mm5 --precision int8 --dataset mm5 --data MM5 --out out/mm5-int8'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)
    parser.add_argument(
        '--precision', required=True, choices=PRECISIONS[1:], help='of the new bundle'
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the new bundle')
    add_dataset(parser, is_required=False)
    parser.add_argument(
        '--calibration-count', type=int, default=32, help='images to calibrate int8 with (32)'
    )
    parser.add_argument(
        '--calibration',
        choices=('minmax', 'percentile', 'entropy'),
        default='minmax',
        help='how the range of an activation is taken from them (minmax)',
    )
    parser.add_argument('--no-scores', action='store_true', help='do not measure mIoU on val')


def run(args: argparse.Namespace) -> Result:
    """Convert every graph, write the bundle and say what it costs.

    Raises:
        RobustSegError: if bundle or data set cannot be read or do not fit, or a graph cannot be
            converted or run.
    """
    bundle = load_bundle(find_bundle(args.bundle))
    calibration, val = _data(args, bundle)
    from mm_robust_seg.bundling.quantize import quantize

    with TerminalProgress() as progress:
        scores = quantize(bundle, args.out, args.precision, calibration, val, progress)
    then = f'mm-robust-seg build-engines {args.out}, or replay BAG --bundle {args.out}'
    return Result(
        {'bundle': str(args.out), 'precision': args.precision, 'scores': scores},
        [*([_table(scores, args.precision)] if scores else []), Text(f'bundle: {args.out}')],
        then,
    )


def _data(args: argparse.Namespace, bundle: Bundle) -> tuple[Calibration | None, Dataset | None]:
    """Return what to calibrate with, and labelled samples to measure with."""
    from mm_robust_seg.bundling.quantize import Calibration, require_float, require_match

    require_float(bundle)
    if args.dataset is None:
        if args.precision == 'int8':
            raise ConfigError(
                'int8 is calibrated with images: name a data set with --dataset and --data, or '
                '--dataset sim'
            )
        return None, None
    if args.calibration_count < 1:
        raise ConfigError(f'--calibration-count is {args.calibration_count}: expected at least 1')
    size = (bundle.inputs, len(bundle.classes))
    val = None if args.no_scores else open_dataset(args, *size, split='val')
    if val is not None:
        require_match(bundle, val, are_labels_used=True)
    train = open_dataset(args, *size, split='train', samples=args.calibration_count)
    require_match(bundle, train, are_labels_used=False)
    return Calibration(train, args.calibration_count, args.calibration), val


def _table(scores: dict[str, dict[str, float]], precision: str) -> Table:
    rows = []
    for combination, row in scores.items():
        before, after = (100 * miou for miou in row.values())
        rows.append((combination, f'{before:.2f}', f'{after:.2f}', f'{after - before:+.2f}'))
    return Table(('mIoU on val (%)', PRECISIONS[0], precision, 'change'), rows)
