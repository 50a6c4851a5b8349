"""``mm-robust-seg evaluate``: from a bundle and a labelled data set to scores."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.commands.dataset_options import add_dataset_arguments, open_dataset
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.evaluation.evaluation import evaluate, Evaluation
from mm_robust_seg.evaluation.report import report, text
from mm_robust_seg.evaluation.scores import Scores
from mm_robust_seg.files import replacing, write_json
from mm_robust_seg.report.document import write_document
from mm_robust_seg.schema import flatten, with_values

DESCRIPTION = """\
Run every graph of a bundle on a labelled split, through the engine that a robot would use.

Writes evaluation.json, evaluation.md, evaluation.html (one file with all plots) and confusion.npz
(the confusion counts of every sample and combination): mIoU, IoU per class and pixel accuracy with
bootstrap intervals, EMM Avg, E(p), RMM, NM and the counter-intuitive rate."""
EXAMPLE = 'mm-robust-seg evaluate --bundle mm5 --dataset mm5 --data MM5_FOLDER'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument('--bundle', required=True, help='model folder, or name in models/')
    add_dataset_arguments(parser)
    parser.add_argument(
        '--out', type=Path, help='folder of the results (out/evaluate/<bundle>-<dataset>-<split>)'
    )
    backends = next(s.allowed for n, _, s in flatten(EngineConfig()) if n == 'backend')
    parser.add_argument('--backend', choices=backends, default='auto', help='inference runtime')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads; 0 means all')
    parser.add_argument(
        '--skip-noise', action='store_true', help='leave out damaged inputs (RMM and NM)'
    )
    parser.add_argument('--json', action='store_true', help='print the scores as JSON')


def run(args: argparse.Namespace) -> int:
    """Evaluate the bundle, write the results and print the scores.

    Raises:
        RobustSegError: if bundle and data set do not fit, or cannot be read or run.
    """
    bundle = load_bundle(find_bundle(args.bundle))
    dataset = open_dataset(args, bundle.inputs, len(bundle.classes))
    engine = with_values(EngineConfig(), {'backend': args.backend, 'threads': args.threads})
    found = evaluate(bundle, dataset, engine, args.samples, not args.skip_noise)
    about = {'dataset': args.dataset, 'split': args.split, 'data': dict(dataset.provenance)}
    scores = {**found.scores, **about}
    out = args.out or Path('out/evaluate') / f'{bundle.name}-{args.dataset}-{args.split}'
    _write(found, scores, out)
    console = Console(soft_wrap=args.json, highlight=False)
    if args.json:
        console.print_json(json.dumps(scores))
    else:
        console.print(_summary(scores, out))
    return 0


def _write(found: Evaluation, scores: Scores, out: Path) -> None:
    """Write the counts first and ``evaluation.json`` last: it says that all is there."""
    counts = {str(combination): array for combination, array in found.run.clean.items()}
    with replacing(out / 'confusion.npz') as temporary:
        np.savez_compressed(temporary, **counts)  # type: ignore[arg-type]
    title = f'{scores["bundle"]} on {scores["dataset"]} {scores["split"]}'
    blocks = report(scores, found.samples)
    write_document(title, blocks, out / 'evaluation.md', out / 'evaluation.html')
    write_json(out / 'evaluation.json', scores)


def _summary(scores: Scores, out: Path) -> RenderableType:
    table = Table('combination', title=f'{scores["samples"]} samples', title_justify='left')
    for column in ('mIoU', 'pixel accuracy'):
        table.add_column(f'{column} (%)', justify='right')
    for name, row in scores['combinations'].items():
        cells = (text(row[key], row[f'{key}_interval']) for key in ('miou', 'pixel_accuracy'))
        table.add_row(name, *map(escape, cells))
    expected = ', '.join(f'E({p}) {text(value)}' for p, value in scores['emm_e'].items())
    lines = [
        f'EMM Avg {text(scores["emm_avg"])}, {expected}',
        f'counter-intuitive rate {text(scores["counter_intuitive_rate"])} %',
        *(escape(note) for note in scores['notes']),
        f'Results: {escape(str(out))}',
    ]
    return Group(table, *lines)
