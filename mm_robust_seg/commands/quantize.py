"""``mm-robust-seg quantize``: from a float32 bundle to one in fp16 or int8."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import shutil
import tempfile

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle, PRECISIONS
from mm_robust_seg.bundling.folder import replacing_bundle, write_golden, write_manifest
from mm_robust_seg.bundling.scores import miou_by_combination
from mm_robust_seg.commands.dataset_options import open_dataset
from mm_robust_seg.datasets.load import kinds
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.stages.preprocess import network_input

DESCRIPTION = """\
Write a float32 bundle in another precision; every engine loads it as before.

fp16 halves weights and activations. int8 quantises convolutions and matrix products after training
(explicit Q/DQ nodes); the ranges of its activations are taken from images of the train split.
With a data set, the mIoU of every combination on val is measured before and after, on the CPU."""
EXAMPLE = 'mm-robust-seg quantize mm5 --precision int8 --dataset mm5 --data MM5 --out out/mm5-int8'
FLOAT = PRECISIONS[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument('bundle', help='model folder, or the name of one in models/')
    parser.add_argument(
        '--precision', required=True, choices=PRECISIONS[1:], help='of the new bundle'
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the new bundle')
    parser.add_argument('--dataset', choices=kinds(), help='kind of data set; int8 needs one')
    parser.add_argument('--data', type=Path, help='folder of the data set; not for sim')
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


def run(args: argparse.Namespace) -> int:
    """Convert every graph, write the bundle and print what it costs.

    Raises:
        RobustSegError: if bundle or data set cannot be read or do not fit, or a graph cannot be
            converted or run.
    """
    bundle = load_bundle(find_bundle(args.bundle))
    _require_float(bundle)
    data = _data(args, bundle)
    console = Console(highlight=False)
    with replacing_bundle(args.out) as building:
        _write(args, bundle, data, building, console)
        if data is not None and data.val is not None:
            _score(args.precision, bundle, data.val, building, console)
        write_golden(building)
    console.print(f'bundle written to {args.out}')
    return 0


@dataclass(frozen=True)
class Data:
    """What a data set is used for.

    Attributes:
        train: images to calibrate with.
        val: labelled samples to measure with, unless this is not wanted.
    """

    train: Dataset
    val: Dataset | None


def _require_float(bundle: Bundle) -> None:
    if bundle.precision != FLOAT:
        raise ConfigError(
            f'bundle {bundle.name} is {bundle.precision} already: give the {FLOAT} bundle that it '
            'was made from'
        )
    others = sorted({path.name for path in bundle.graphs.values() if path.suffix != '.onnx'})
    if others:
        raise ConfigError(
            f'bundle {bundle.name} has one graph for all combinations ({", ".join(others)} set '
            'it): export it with a graph per combination, and quantise that'
        )


def _data(args: argparse.Namespace, bundle: Bundle) -> Data | None:
    if args.dataset is None:
        if args.precision == 'int8':
            raise ConfigError(
                'int8 is calibrated with images: name a data set with --dataset and --data, or '
                '--dataset sim'
            )
        return None
    if args.calibration_count < 1:
        raise ConfigError(f'--calibration-count is {args.calibration_count}: expected at least 1')

    def split(name: str, count: int | None) -> Dataset:
        options = {'dataset': args.dataset, 'data': args.data, 'split': name, 'samples': count}
        found = open_dataset(argparse.Namespace(**options), bundle.inputs, len(bundle.classes))
        if not bundle.combinations[0] <= found.modalities:
            raise DataError(
                f'the data set has {found.modalities}, bundle {bundle.name} is made for '
                f'{bundle.combinations[0]}: expected images of all of these'
            )
        return found

    val = None if args.no_scores else split('val', None)
    if val is not None and [c.name for c in val.classes] != [c.name for c in bundle.classes]:
        raise DataError(
            f'the data set has other classes than bundle {bundle.name}: give the one it was '
            'trained on, or --no-scores'
        )
    return Data(split('train', args.calibration_count), val)


def _write(
    args: argparse.Namespace,
    bundle: Bundle,
    data: Data | None,
    folder: Path,
    console: Console,
) -> None:
    """Write all of the new bundle but its scores and golden label maps."""
    # Here, so that --help works without onnx.
    import onnx  # noqa: PLC0415

    from mm_robust_seg.bundling.precision import simplified, to_fp16, to_int8  # noqa: PLC0415

    for path in [bundle.base, *bundle.adapters.values()]:
        target = folder / path.relative_to(bundle.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    facts, entries = {**bundle.manifest, 'golden': {}}, {}
    for name, entry in track(facts['combinations'].items(), f'{args.precision}', console=console):
        combination = ModalitySet.parse(name)
        with tempfile.TemporaryDirectory() as scratch:
            model = simplified(bundle.graphs[combination], Path(scratch))
            if args.precision == 'int8':
                assert data is not None
                images = _images(data.train, args.calibration_count, bundle, combination)
                model = to_int8(model, images, args.calibration, Path(scratch))
            else:
                model = to_fp16(model)
        entries[name] = {**entry, 'graph': f'{combination}.onnx'}
        onnx.save(model, folder / entries[name]['graph'])
    made = {'precision': args.precision, 'from': f'{FLOAT} bundle {bundle.name}'}
    if args.precision == 'int8' and data is not None:
        made['calibration'] = f'{args.calibration}, {args.calibration_count} images of train'
        made['data'] = ', '.join(f'{k}: {v}' for k, v in data.train.provenance.items())
    changed = {
        'name': f'{bundle.name}-{args.precision}',
        'precision': args.precision,
        'combinations': entries,
        'provenance': {**bundle.provenance, 'conversion': made},
    }
    write_manifest(folder, {**facts, **changed})


def _images(
    dataset: Dataset, count: int, bundle: Bundle, combination: ModalitySet
) -> Iterator[dict[str, np.typing.NDArray[np.float32]]]:
    """Yield graph inputs of ``count`` samples, evenly spaced."""
    for index in np.unique(np.linspace(0, len(dataset) - 1, count).round().astype(int)):
        images = dataset[int(index)].images
        yield {str(m): network_input(m, images[m], bundle.inputs)[np.newaxis] for m in combination}


def _score(precision: str, bundle: Bundle, val: Dataset, folder: Path, console: Console) -> None:
    """Measure both bundles, print the figures and put them into the new manifest."""
    converted = load_bundle(folder)
    before = miou_by_combination(bundle, val)
    after = miou_by_combination(converted, val)
    table = Table('combination', FLOAT, precision, 'change', title='mIoU on val (%)')
    scores = dict(converted.scores)
    for combination, miou in before.items():
        name, low = str(combination), after[combination]
        shown = (f'{100 * miou:.2f}', f'{100 * low:.2f}', f'{100 * (low - miou):+.2f}')
        table.add_row(name, *shown)
        scores[name] = {**scores.get(name, {}), FLOAT: miou, precision: low}
    write_manifest(folder, {**converted.manifest, 'scores': scores})
    console.print(table)
