# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""From where on damage of RGB costs a bundle more than leaving RGB out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.damage.strengths import specs
from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.evaluation.run import Predictor
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.report.progress import Progress
from mm_robust_seg.scores.metrics import ConfusionMatrix, miou_of
from mm_robust_seg.stages.preprocess import network_input

_RGB = Modality.RGB


def break_evens(name: str, folder: Path, progress: Progress) -> Mapping[str, Mapping[str, float]]:
    """Return the mIoU of all sensors with RGB damaged, beside that without RGB, on val of MM5."""
    bundle = load_bundle(find_bundle(name))
    dataset = load_split('mm5', folder, 'val', inputs=bundle.inputs)
    engine = build_engine(EngineConfig(), bundle, dataset.modalities)
    complete = engine.combinations[0]
    faults = {'clean': None, 'without': None} | {
        f'{fault} {value:g}': spec
        for (fault, value), spec in specs().items()
        if str(fault) in KINDS[_RGB].faults
    }
    counts = dict.fromkeys(faults, 0)
    advance = progress.bar('break-even', len(dataset)).advance
    try:
        predictor, classes = Predictor(engine, bundle.inputs), len(dataset.classes)
        for index in range(len(dataset)):
            sample = dataset[index]
            inputs = predictor.inputs(sample)
            for key, spec in faults.items():
                combination, given = complete, inputs
                if key == 'without':
                    combination = complete - ModalitySet([_RGB])
                elif spec:
                    rng = np.random.default_rng(index)
                    image = KINDS[_RGB].faults[str(spec)](sample.images[_RGB], spec.values, rng)
                    given = {**inputs, _RGB: network_input(_RGB, image, bundle.inputs)[None]}
                guess = predictor.labels(given, combination, *sample.labels.shape)
                counts[key] = (
                    counts[key] + ConfusionMatrix.of(guess, sample.labels, classes).counts
                )
            advance()
    finally:
        engine.close()
    miou = {key: float(miou_of(each)) for key, each in counts.items()}
    return {key: {'miou': miou[key], 'without': miou['without']} for key in counts}
