# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg importance``: how much each modality carries, for which class and where."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.commands.options import (
    add_computing,
    add_dataset,
    add_split,
    chosen_device,
    open_dataset,
    use_threads,
)
from mm_robust_seg.datasets.samples import evenly_spaced
from mm_robust_seg.files import renewing
from mm_robust_seg.report.document import Text
from mm_robust_seg.report.terminal import Result, TerminalProgress

DESCRIPTION = """\
Measure on a labelled split how much each sensor carries: for every class the IoU lost without it,
for every layer gradient times activation. Writes importance.json, importance.md, importance.png.
"mm-robust-seg adapt --importance" places adapters by the JSON file; measure that on the split
train, so that scores on val stay untouched by it."""
EXAMPLE = 'mm-robust-seg importance mm5 --dataset mm5 --data MM5_FOLDER --out out/importance'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('network', type=Path, help='run or bundle folder, or name in models/')
    add_dataset(parser)
    add_split(parser)
    parser.add_argument('--out', type=Path, required=True, help='folder of the results')
    add_computing(parser)


def run(args: argparse.Namespace) -> Result:
    """Measure, write the results and show the classes.

    Raises:
        RobustSegError: if network and data set do not fit, or cannot be read.
    """
    from mm_robust_seg.analysis.importance import measured
    from mm_robust_seg.analysis.importance_report import facts_of, IMPORTANCE, write_report
    from mm_robust_seg.training.trained import load_trained

    use_threads(args)
    segmenter, spec = load_trained(args.network)
    size = (spec, segmenter.class_count)
    dataset = open_dataset(args, *size, split=args.split, samples=args.samples)
    indices = evenly_spaced(len(dataset), args.samples)
    segmenter = segmenter.to(chosen_device(args.device))
    about = {'dataset': args.dataset, 'split': args.split, 'samples': len(indices)}
    with renewing(args.out, IMPORTANCE) as folder, TerminalProgress() as progress:
        bar = progress.bar('samples', 2 * len(indices))
        found = measured(segmenter, dataset, indices, spec, bar.advance)
        facts = {**facts_of(found, dataset.classes), 'network': args.network.name, **about}
        write_report(facts, folder)
    return Result(
        facts,
        [Text(_said(modality, drop)) for modality, drop in facts['miou']['drop'].items()],
        f'mm-robust-seg adapt RECIPE --base {args.network} --importance '
        f'{args.out}/importance.json --out RUN; see {args.out}/importance.png',
    )


def _said(modality: str, drop: float | None) -> str:
    lost = 'no class occurs' if drop is None else f'{100 * drop:.1f} points of mIoU lost'
    return f'without {modality}: {lost}'
