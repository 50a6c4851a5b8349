"""The options by which every command is told its data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.datasets.load import kinds, load_split
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.modalities.input_spec import InputSpec

_SIMULATED_SAMPLES = 60


def add_dataset_arguments(parser: argparse.ArgumentParser, split: str = 'val') -> None:
    """Declare ``--dataset``, ``--data``, ``--split`` (default ``split``) and ``--samples``."""
    parser.add_argument('--dataset', required=True, choices=kinds(), help='kind of data set')
    parser.add_argument('--data', type=Path, help='folder of the data set; not for sim')
    parser.add_argument('--split', default=split, help=f'split of the data set ({split})')
    parser.add_argument(
        '--samples',
        type=int,
        help=f'use only so many, evenly spaced; sim renders so many ({_SIMULATED_SAMPLES})',
    )


def open_dataset(args: argparse.Namespace, inputs: InputSpec, class_count: int) -> Dataset:
    """Open the split in ``class_count`` classes, where the data set has such a list.

    Otherwise it comes with its usual classes, and what is done with it says how they differ.

    Raises:
        ConfigError: if an option is missing or makes no sense.
        DataError: if the folder is not what it should be, or the split is empty.
    """
    if args.samples is not None and args.samples < 1:
        raise ConfigError(f'--samples is {args.samples}: expected at least 1')
    if args.dataset != 'sim' and args.data is None:
        raise ConfigError(f'{args.dataset} is read from a folder: give it with --data')

    def load(classes: int) -> Dataset:
        return load_split(
            args.dataset,
            args.data or Path(),
            args.split,
            classes=classes,
            count=args.samples or _SIMULATED_SAMPLES,
            size_px=(inputs.width_px, inputs.height_px),
        )

    try:
        dataset = load(class_count)
    except ConfigError:
        dataset = load(0)
    if len(dataset) == 0:
        raise DataError(f'the split {args.split} is empty: expected at least one sample')
    return dataset
