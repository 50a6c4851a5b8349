# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a float32 bundle to one in fp16 or int8, with its scores before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import shutil
import tempfile

import numpy as np
import onnx

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import Bundle, load_bundle, PRECISIONS
from mm_robust_seg.bundling.folder import (
    replacing_bundle,
    write_golden,
    write_manifest,
)
from mm_robust_seg.bundling.precision import Inputs, simplified, to_fp16, to_int8
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.datasets.samples import Dataset, evenly_spaced
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.evaluation.run import run_dataset
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.report.progress import Progress, SILENT, watched
from mm_robust_seg.stages.preprocess import network_input

FLOAT = PRECISIONS[0]
Scores = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Calibration:
    """What the range of an activation is taken from, and how.

    Attributes:
        count: how many images of the split, evenly spaced.
        kind: one of ``precision.CALIBRATIONS``.
    """

    train: Dataset
    count: int
    kind: str


def quantize(
    bundle: Bundle,
    out: Path,
    precision: str,
    calibration: Calibration | None,
    val: Dataset | None,
    progress: Progress = SILENT,
) -> Scores:
    """Convert every graph and write the bundle.

    Args:
        bundle: of float32, a graph per combination; see ``require_float``.
        precision: ``'fp16'``, or ``'int8'``, which needs ``calibration``.
        val: labelled samples to measure both bundles with.

    Returns:
        The mIoU of every combination in both precisions; nothing without ``val``.

    Raises:
        RobustSegError: if a graph cannot be converted or run, or the bundle cannot be written.
    """
    if out.exists() and out.samefile(bundle.path):
        raise ConfigError(f'{out} is the bundle to convert, which stays: give another folder')
    scores: Scores = {}
    with replacing_bundle(out) as building:
        _write(bundle, building, precision, calibration, progress)
        if val is not None:
            converted = load_bundle(building)
            before = miou_by_combination(bundle, val)
            after = miou_by_combination(converted, val)
            scores = {str(c): {FLOAT: v, precision: after[c]} for c, v in before.items()}
            kept = converted.scores
            merged = {name: {**kept.get(name, {}), **row} for name, row in scores.items()}
            write_manifest(building, {**converted.manifest, 'scores': {**kept, **merged}})
        write_golden(building)
    return scores


def miou_by_combination(bundle: Bundle, dataset: Dataset) -> dict[ModalitySet, float]:
    """Measure every combination as it is, with OpenVINO, at the size of the labels.

    Raises:
        EngineError: if a graph cannot be loaded or run.
    """
    config = EngineConfig(backend='openvino', cache='off', warmup_iterations=0)
    engine = build_engine(config, bundle)
    try:
        return run_dataset(engine, bundle.inputs, dataset, range(len(dataset))).mious
    finally:
        engine.close()


def require_float(bundle: Bundle) -> None:
    """Refuse a bundle that cannot be converted.

    Raises:
        ConfigError: if it is not float32, or has one graph for all combinations.
    """
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


def require_match(bundle: Bundle, dataset: Dataset, are_labels_used: bool) -> None:
    """Refuse a data set that the bundle was not made for.

    Raises:
        DataError: if it lacks a sensor, or its labels are used and of other classes.
    """
    if not bundle.combinations[0] <= dataset.modalities:
        raise DataError(
            f'the data set has {dataset.modalities}, bundle {bundle.name} is made for '
            f'{bundle.combinations[0]}: expected images of all of these'
        )
    names = [c.name for c in bundle.classes]
    if are_labels_used and [c.name for c in dataset.classes] != names:
        raise DataError(
            f'the data set has other classes than bundle {bundle.name}: give the one it was '
            'trained on, or --no-scores'
        )


def _write(
    bundle: Bundle,
    folder: Path,
    precision: str,
    calibration: Calibration | None,
    progress: Progress,
) -> None:
    """Write all of the new bundle but its scores and golden label maps."""
    for path in [bundle.base, *bundle.adapters.values()]:
        target = folder / path.relative_to(bundle.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    given, entries = bundle.manifest['combinations'], {}
    for name, entry in watched(given.items(), progress, precision, len(given)):
        combination = ModalitySet.parse(name)
        model = _converted(bundle, combination, precision, calibration)
        entries[name] = {**entry, 'graph': f'{combination}.onnx'}
        onnx.save(model, folder / entries[name]['graph'])
    changed = {
        'name': f'{bundle.name}-{precision}',
        'precision': precision,
        'combinations': entries,
        'golden': {},
        'provenance': {**bundle.provenance, 'conversion': _made(bundle, precision, calibration)},
    }
    write_manifest(folder, {**bundle.manifest, **changed})


def _converted(
    bundle: Bundle, combination: ModalitySet, precision: str, calibration: Calibration | None
) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as scratch:
        model = simplified(bundle.graphs[combination], Path(scratch))
        if precision != 'int8':
            return to_fp16(model)
        assert calibration is not None
        images = _images(calibration, bundle, combination)
        return to_int8(model, images, calibration.kind, Path(scratch))


def _made(bundle: Bundle, precision: str, calibration: Calibration | None) -> dict[str, str]:
    """Say what the bundle was made from."""
    made = {'precision': precision, 'from': f'{FLOAT} bundle {bundle.name}'}
    if precision == 'int8' and calibration is not None:
        made['calibration'] = f'{calibration.kind}, {calibration.count} images of train'
        made['data'] = ', '.join(f'{k}: {v}' for k, v in calibration.train.provenance.items())
    return made


def _images(
    calibration: Calibration, bundle: Bundle, combination: ModalitySet
) -> Iterator[Inputs]:
    """Yield graph inputs of some samples, evenly spaced."""
    for index in evenly_spaced(len(calibration.train), calibration.count):
        images = calibration.train[index].images
        yield {str(m): network_input(m, images[m], bundle.inputs)[np.newaxis] for m in combination}
