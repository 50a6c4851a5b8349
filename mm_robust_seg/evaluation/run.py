# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Run every graph of a bundle on labelled samples and count what is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.datasets.samples import Dataset, Sample
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.evaluation.damage import Damage, damaged_values, Inputs
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.scores.metrics import ConfusionMatrix, miou_of
from mm_robust_seg.stages.mask import to_reference
from mm_robust_seg.stages.preprocess import network_input

Labels = NDArray[np.uint8]
Counts = NDArray[np.int32]
"""(samples, classes, classes + 1) confusion counts of each sample; see ``ConfusionMatrix``."""


@dataclass(frozen=True)
class DatasetRun:
    """What a bundle did on a data set.

    Attributes:
        sample_names: of the samples, in the order of the counts.
        clean: the counts of every combination, the largest first.
        damaged: the counts of the largest combination under each damage.
    """

    sample_names: tuple[str, ...]
    clean: Mapping[ModalitySet, Counts]
    damaged: Mapping[Damage, Counts]

    @property
    def mious(self) -> dict[ModalitySet, float]:
        """The mIoU of every combination over all samples; NaN where there is no class."""
        return {c: float(miou_of(counts.sum(0))) for c, counts in self.clean.items()}


class Predictor:
    """Makes label maps of samples with one engine; not thread-safe, as the engine."""

    def __init__(self, engine: Engine, spec: InputSpec) -> None:
        self._engine, self._spec = engine, spec

    def inputs(self, sample: Sample) -> Inputs:
        """Prepare the images of all modalities that the engine can use."""
        return {
            m: network_input(m, sample.images[m], self._spec)[np.newaxis]
            for m in self._engine.combinations[0]
        }

    def labels(
        self, inputs: Inputs, combination: ModalitySet, height_px: int, width_px: int
    ) -> Labels:
        """Run one combination; the label map is enlarged by nearest neighbour."""
        self._engine.activate(combination)
        prediction = self._engine.infer({m: inputs[m] for m in combination})
        return to_reference(prediction, height_px, width_px)[0]


def run_dataset(
    engine: Engine,
    spec: InputSpec,
    dataset: Dataset,
    indices: Sequence[int],
    damages: Sequence[Damage] = (),
    advance: Callable[[], object] = lambda: None,
    seed: int = 0,
) -> DatasetRun:
    """Count every combination of ``engine``, and its largest under ``damages``.

    Damage is a function of seed, sample and damage alone, so that it is the same for every bundle.

    Args:
        indices: which samples to use.
        advance: called after each sample.
    """
    predictor, complete = Predictor(engine, spec), engine.combinations[0]
    class_count, names = len(dataset.classes), []
    clean = {c: _empty(len(indices), class_count) for c in engine.combinations}
    damaged = {d: _empty(len(indices), class_count) for d in damages}
    for row, index in enumerate(indices):
        sample = dataset[index]
        inputs, truth = predictor.inputs(sample), sample.labels
        names.append(sample.name)
        for combination, counts in clean.items():
            guess = predictor.labels(inputs, combination, *truth.shape)
            counts[row] = ConfusionMatrix.of(guess, truth, class_count).counts
        for number, (damage, counts) in enumerate(damaged.items()):
            chance = np.random.default_rng((seed, index, number))
            spoilt = damaged_values(damage, inputs, chance, spec.validity)
            guess = predictor.labels(spoilt, complete, *truth.shape)
            counts[row] = ConfusionMatrix.of(guess, truth, class_count).counts
        advance()
    return DatasetRun(tuple(names), clean, damaged)


def _empty(sample_count: int, class_count: int) -> Counts:
    return np.zeros((sample_count, class_count, class_count + 1), np.int32)
