"""``mm-robust-seg inspect``: look a labelled data set over before training or measuring on it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from mm_robust_seg.datasets.load import kinds, load_split
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.datasets.survey import lines, Survey, survey
from mm_robust_seg.datasets.survey.split import SplitSurvey
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.evaluation.pictures import write_sheet

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
    parser.description = DESCRIPTION
    parser.add_argument('kind', choices=kinds(), help='kind of data set')
    parser.add_argument('folder', nargs='?', type=Path, help='its folder; not for sim')
    parser.add_argument(
        '--split', action='append', help='split to look at, may be repeated (train and val)'
    )
    parser.add_argument('--classes', type=int, default=0, help='13 or 40, for nyuv2')
    parser.add_argument('--samples', type=int, default=20, help='samples a split, of sim (20)')
    parser.add_argument('--sheet', type=Path, help='picture (out/inspect/<kind>.png)')
    parser.add_argument('--json', action='store_true', help='print as JSON')


def run(args: argparse.Namespace) -> int:
    """Survey the data set, write the picture, print the report.

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
    found = _surveyed(splits)
    sheet = args.sheet or Path('out/inspect') / f'{args.kind}.png'
    has_sheet = write_sheet(splits, sheet, SHEET_SAMPLES)
    console = Console(soft_wrap=True, highlight=False)
    if args.json:
        console.print_json(json.dumps(facts(splits, found, sheet if has_sheet else None)))
    else:
        console.print(_page(splits, found))
        console.print(f'samples with their labels: {sheet}' if has_sheet else 'no sample to show')
    return PROBLEMS if found.problems else FINE


def facts(splits: Mapping[str, Dataset], found: Survey, sheet: Path | None) -> dict[str, Any]:
    """Return the survey for JSON."""
    first = next(iter(splits.values()))
    return {
        'modalities': str(found.modalities),
        'classes': list(found.class_names),
        'licence': first.licence,
        'provenance': {name: dict(dataset.provenance) for name, dataset in splits.items()},
        'splits': {name: _split_facts(found, split) for name, split in found.splits.items()},
        'problems': list(found.problems),
        'remarks': list(found.remarks),
        'sheet': None if sheet is None else str(sheet),
    }


def _split_facts(found: Survey, split: SplitSurvey) -> dict[str, Any]:
    return {
        'samples': len(split.names),
        'unreadable': list(split.unreadable),
        'sizes': [
            {'width_px': w, 'height_px': h, 'samples': n} for (h, w), n in split.sizes.items()
        ],
        'images': {
            str(modality): {
                'low': images.low,
                'high': images.high,
                'invalid_share': images.invalid_share,
                'constant': list(images.constant),
                'implausible': list(images.implausible),
            }
            for modality, images in split.images.items()
        },
        'class_pixels': dict(zip(found.class_names, map(int, split.class_pixels), strict=True)),
        'unlabeled_share': split.unlabeled_share,
        'without_labels': list(split.blank),
    }


def _surveyed(splits: Mapping[str, Dataset]) -> Survey:
    columns = (TextColumn('{task.description:>6}'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {name: bar.add_task(name, total=len(data)) for name, data in splits.items()}
        return survey(splits, lambda name, done, _: bar.update(tasks[name], completed=done))


def _page(splits: Mapping[str, Dataset], found: Survey) -> RenderableType:
    first = next(iter(splits.values()))
    styles = {'problem': 'red', 'remark': 'yellow'}
    report = [Text(line, style=styles.get(line.split(':')[0], '')) for line in lines(found)]
    return Group(
        Text(f'{first.provenance["data"]}, licence: {first.licence}', style='bold'),
        *report[:1],
        _class_table(first, found),
        *report[1:],
    )


def _class_table(dataset: Dataset, found: Survey) -> Table:
    table = Table('% of labelled pixels', box=None)
    for name in found.splits:
        table.add_column(escape(name), justify='right')
    for number, item in enumerate(dataset.classes):
        red, green, blue = item.color
        label = Text('  ', style=f'on rgb({red},{green},{blue})')
        label.append(f' {number} {item.name}', style='default on default')
        shares = [
            100 * split.class_pixels[number] / max(split.class_pixels.sum(), 1)
            for split in found.splits.values()
        ]
        table.add_row(label, *(f'{share:.2f}' for share in shares))
    return table
