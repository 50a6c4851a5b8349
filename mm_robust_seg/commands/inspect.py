# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg inspect``: look a labelled data set over before training or measuring on it."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.datasets.load import kinds, load_split
from mm_robust_seg.datasets.survey.data_set import survey
from mm_robust_seg.datasets.survey.report import survey_blocks, survey_facts
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.evaluation.pictures import write_sheet
from mm_robust_seg.report.document import Text
from mm_robust_seg.report.terminal import Result, TerminalProgress

DESCRIPTION = """\
Read every sample of a data set and say what it holds and what is wrong with it: sizes, ranges in
grey levels, kelvin and metres, invalid pixels, classes, unreadable files, samples in two splits.
Writes a picture of some samples with their labels. The exit code is 0 if nothing spoils training
or scores, and 2 otherwise."""
EXAMPLE = 'mm-robust-seg inspect mm5 MM5_FOLDER'
FINE, PROBLEMS = 0, 2
SHEET_SAMPLES = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('kind', choices=kinds(), help='kind of data set')
    parser.add_argument('folder', nargs='?', type=Path, help='its folder; not for sim')
    parser.add_argument(
        '--split', action='append', help='split to look at, may be repeated (train and val)'
    )
    parser.add_argument('--classes', type=int, default=0, help='13 or 40, for nyuv2')
    parser.add_argument('--samples', type=int, default=20, help='samples a split, of sim (20)')
    parser.add_argument('--sheet', type=Path, help='picture (out/inspect/<kind>.png)')


def run(args: argparse.Namespace) -> Result:
    """Survey the data set and write the picture.

    Raises:
        DataError: if the folder does not have the layout of its kind.
    """
    if args.kind != 'sim' and args.folder is None:
        raise ConfigError(f'{args.kind} is read from a folder: name it after the kind')
    if args.samples < 1:
        raise ConfigError(f'--samples is {args.samples}: expected at least 1')
    splits = {
        name: load_split(
            args.kind, args.folder or Path(), name, classes=args.classes, count=args.samples
        )
        for name in dict.fromkeys(args.split or ('train', 'val'))
    }
    with TerminalProgress() as progress:
        bars = {name: progress.bar(name, len(dataset)) for name, dataset in splits.items()}
        found = survey(splits, lambda name, done, _: bars[name].reach(done))
    sheet = args.sheet or Path('out/inspect') / f'{args.kind}.png'
    has_sheet = write_sheet(splits, sheet, SHEET_SAMPLES)
    data = f' --data {args.folder}' if args.folder else ''
    said = f'samples with their labels: {sheet}' if has_sheet else 'no sample to show'
    return Result(
        {**survey_facts(splits, found), 'sheet': str(sheet) if has_sheet else None},
        [*survey_blocks(splits, found), Text(said)],
        'mend the problems, and inspect again'
        if found.problems
        else f'mm-robust-seg train RECIPE{data} --out RUN',
        code=PROBLEMS if found.problems else FINE,
    )
