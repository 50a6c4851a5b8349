"""``mm-robust-seg importance``: how much each modality carries, for which class and where."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mm_robust_seg.commands.dataset_options import add_dataset_arguments, open_dataset
from mm_robust_seg.commands.training_options import chosen_device, DEVICES
from mm_robust_seg.files import write_bytes, write_json

DESCRIPTION = """\
Measure on a labelled split how much each sensor carries: for every class the IoU lost without it,
for every layer gradient times activation. Writes importance.json, importance.md, importance.png.
"mm-robust-seg adapt --importance" places adapters by the JSON file; measure that on the split
train, so that scores on val stay untouched by it."""
EXAMPLE = 'mm-robust-seg importance mm5 --dataset mm5 --data MM5_FOLDER --out out/importance'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument('network', type=Path, help='run or bundle folder, or name in models/')
    add_dataset_arguments(parser)
    parser.add_argument('--out', type=Path, required=True, help='folder of the results')
    parser.add_argument('--device', choices=DEVICES, default='auto', help='default: auto')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads; 0 means all')
    parser.add_argument('--json', action='store_true', help='print importance.json')


def run(args: argparse.Namespace) -> int:
    """Measure, write the results and print the classes.

    Raises:
        RobustSegError: if network and data set do not fit, or cannot be read.
    """
    # Here, so that --help works without torch.
    import torch  # noqa: PLC0415

    from mm_robust_seg.analysis.importance import measured  # noqa: PLC0415
    from mm_robust_seg.analysis.importance_report import facts_of  # noqa: PLC0415
    from mm_robust_seg.training.trained import load_trained  # noqa: PLC0415

    if args.threads:
        torch.set_num_threads(args.threads)
    segmenter, spec = load_trained(args.network)
    dataset = open_dataset(args, spec, segmenter.class_count)
    count = min(args.samples or len(dataset), len(dataset))
    indices = np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist()
    with _progress() as progress:
        task = progress.add_task('samples', total=count)
        found = measured(
            segmenter.to(chosen_device(args.device)),
            dataset,
            indices,
            spec,
            lambda: progress.advance(task),
        )
    about = {'network': args.network.name, 'dataset': args.dataset, 'split': args.split}
    facts = {**facts_of(found, dataset.classes), **about, 'samples': count}
    _write(facts, args.out)
    _print(facts, args)
    return 0


def _write(facts: dict[str, Any], out: Path) -> None:
    from mm_robust_seg.analysis.importance_report import heat_map, to_markdown  # noqa: PLC0415

    title = (
        f'{facts["network"]} on {facts["samples"]} samples of {facts["dataset"]} {facts["split"]}'
    )
    write_bytes(out / 'importance.png', heat_map(facts, title))
    write_bytes(out / 'importance.md', to_markdown(facts, title).encode())
    write_json(out / 'importance.json', facts)


def _print(facts: dict[str, Any], args: argparse.Namespace) -> None:
    console = Console(soft_wrap=True, highlight=False)
    if args.json:
        console.print_json(json.dumps(facts))
        return
    for modality, drop in facts['miou']['drop'].items():
        text = 'no class occurs' if drop is None else f'{100 * drop:.1f} points of mIoU lost'
        console.print(f'without {modality}: {text}')
    console.print(f'Results: {args.out}', markup=False)


def _progress() -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    )
