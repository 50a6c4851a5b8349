# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg export``: from a finished run to a bundle that a robot loads."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.commands.options import add_computing, use_threads
from mm_robust_seg.report.document import Table, Text
from mm_robust_seg.report.terminal import Result, TerminalProgress

DESIGNS = ('folded', 'shared')
EXAMPLE = 'mm-robust-seg export runs/mm5-ssf --out out/mm5 --data MM5'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('folder', type=Path, metavar='RUN', help='folder that train or adapt made')
    parser.add_argument('--out', type=Path, required=True, help='folder of the bundle')
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
    add_computing(parser, device=False)


def run(args: argparse.Namespace) -> Result:
    """Score every combination of the run and write the bundle."""
    from mm_robust_seg.bundling.export import export, ExportRequest

    use_threads(args)
    is_scored = not args.no_scores
    request = ExportRequest(
        args.folder, args.out, args.data, is_scored, args.weights, args.merge, args.design
    )
    with TerminalProgress() as progress:
        manifest = export(request, progress)
    rows = [
        (name, ', '.join(f'{kind} {100 * miou:.2f}' for kind, miou in row.items()))
        for name, row in manifest['scores'].items()
    ]
    return Result(
        {'bundle': str(args.out), **manifest},
        [*([Table(('mIoU on val (%)', ''), rows)] if rows else []), Text(f'bundle: {args.out}')],
        f'mm-robust-seg evaluate --bundle {args.out} --dataset KIND --data FOLDER',
    )
