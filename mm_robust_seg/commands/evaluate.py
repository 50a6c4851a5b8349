# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg evaluate``: from a bundle and a labelled data set to scores."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.commands.options import (
    add_backend,
    add_computing,
    add_dataset,
    add_split,
    open_dataset,
)
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.evaluation.evaluation import evaluate
from mm_robust_seg.evaluation.report import (
    earlier_results,
    EVALUATION,
    summary_blocks,
    write_results,
)
from mm_robust_seg.files import renewing
from mm_robust_seg.report.terminal import Result, TerminalProgress
from mm_robust_seg.schema import with_values

DESCRIPTION = """\
Run every graph of a bundle on a labelled split, through the engine that a robot would use.

Writes evaluation.json, evaluation.md, evaluation.html (one file with all plots) and confusion.npz
(the confusion counts of every sample and combination): mIoU, IoU per class and pixel accuracy with
bootstrap intervals, EMM Avg, E(p), RMM, NM and the counter-intuitive rate."""
EXAMPLE = 'mm-robust-seg evaluate --bundle mm5 --dataset mm5 --data MM5_FOLDER'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--bundle', required=True, help='model folder, or name in models/')
    add_dataset(parser)
    add_split(parser)
    parser.add_argument(
        '--out', type=Path, help='folder of the results (out/evaluate/<bundle>-<dataset>-<split>)'
    )
    add_backend(parser)
    add_computing(parser, device=False)
    parser.add_argument(
        '--skip-noise', action='store_true', help='leave out damaged inputs (RMM and NM)'
    )


def run(args: argparse.Namespace) -> Result:
    """Evaluate the bundle and write the results.

    Raises:
        RobustSegError: if bundle and data set do not fit, or cannot be read or run.
    """
    bundle = load_bundle(find_bundle(args.bundle))
    size = (bundle.inputs, len(bundle.classes))
    dataset = open_dataset(args, *size, split=args.split, samples=args.samples)
    chosen = {'backend': args.backend or 'auto', 'threads': args.threads}
    engine = with_values(EngineConfig(), chosen)
    about = {'dataset': args.dataset, 'split': args.split, 'data': dict(dataset.provenance)}
    out = args.out or Path('out/evaluate') / f'{bundle.name}-{args.dataset}-{args.split}'
    with renewing(out, EVALUATION, earlier_results) as folder, TerminalProgress() as progress:
        found = evaluate(bundle, dataset, engine, args.samples, not args.skip_noise, progress)
        scores = {**found.scores, **about}
        write_results(found, scores, folder)
    return Result(scores, summary_blocks(scores), f'open {out}/evaluation.html')
