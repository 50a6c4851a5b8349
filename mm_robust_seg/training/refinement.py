# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""After the last step: what is fitted to every combination on training images, without a gradient.

What is chosen or fitted by labels (logit adjustment, temperature) is so on captures that were kept
back from training, since a network is too sure of those it has seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.statistics import Images
from mm_robust_seg.network.refinement import norms_of, refined, Refinement
from mm_robust_seg.report.progress import Progress, watched
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.stages.mask import nearest
from mm_robust_seg.training.data.batches import validation_batch
from mm_robust_seg.training.loop import checkpoint

REFINEMENT = 'refinement.safetensors'
_STRIDE = 4
_HOTTEST = 8.0
_HALVINGS = 40
_BINS = 15
_SHIFT = 'shift'


@dataclass(frozen=True)
class Fitting:
    """What networks are refined by.

    Attributes:
        crops: training batches that the norms' statistics are measured on; none: they stay.
        held_out: captures that were not trained on; None: nothing is chosen by labels.
        spec: of the inputs.
        shift: (classes,) what logit adjustment adds to the classifier's bias.
        are_objects: (classes,) bool, whose pixels the temperature is fitted on.
    """

    crops: Collection[Images]
    held_out: Dataset | None
    spec: InputSpec
    shift: Tensor
    are_objects: Tensor


@dataclass(frozen=True)
class Refined:
    """One combination's refinement and what is known of it, for the record."""

    refinement: Refinement
    facts: Mapping[str, Any]


def fit(
    networks: Mapping[ModalitySet, nn.Module], fitting: Fitting, progress: Progress
) -> dict[ModalitySet, Refined]:
    """Refine every combination's network; one without a classifier of ours stays as it is.

    The norms of complete input keep their running statistics.
    """
    complete = max(networks, key=len)
    found = {}
    for combination, network in watched(networks.items(), progress, 'refinement', len(networks)):
        if not hasattr(getattr(network, 'decoder', None), 'classify'):
            continue
        crops = [] if combination == complete else fitting.crops
        norms = norms_of(network, combination, crops) if crops else {}
        refinement = Refinement(norms)
        facts: dict[str, Any] = {'statistics': bool(norms)}
        if fitting.held_out is not None:
            own = refined(network, refinement)
            refinement, more = _chosen(own, combination, fitting, refinement)
            facts |= more
        found[combination] = Refined(refinement, facts)
    return found


def _chosen(
    network: nn.Module, combination: ModalitySet, fitting: Fitting, start: Refinement
) -> tuple[Refinement, dict[str, Any]]:
    """Choose whether the bias is adjusted, then fit the temperature."""
    assert fitting.held_out is not None
    plain, adjusted = (ConfusionMatrix(len(fitting.shift)) for _ in range(2))
    logits, targets = [], []
    for index in range(len(fitting.held_out)):
        images, labels = validation_batch(fitting.held_out, fitting.spec, index)
        truth = fitting.held_out[index].labels
        with torch.inference_mode():
            device = next(network.parameters()).device
            own = network({m: images[m].to(device) for m in combination}).float().cpu()
            large = functional.interpolate(own, labels.shape[-2:], mode='bilinear')[0]
        for matrix, shown in ((plain, large), (adjusted, large + fitting.shift[:, None, None])):
            guess = shown.argmax(0).to(torch.uint8).numpy()
            matrix.add(nearest(guess, *truth.shape), truth)
        coarse = labels[0, _STRIDE // 2 :: _STRIDE, _STRIDE // 2 :: _STRIDE].long()
        known = (coarse != UNLABELED) & fitting.are_objects[
            coarse.clamp_max(len(fitting.shift) - 1)
        ]
        logits.append(own[0][:, known].T)
        targets.append(coarse[known])
    scores = {'before': plain.miou(), 'adjusted': adjusted.miou()}
    is_better = scores['adjusted'] > scores['before']
    shift = fitting.shift if is_better else None
    points, truth = torch.cat(logits), torch.cat(targets)
    points = points + shift if shift is not None else points
    temperature = fitted_temperature(points, truth) if len(truth) else 1.0
    facts = {
        'miou': {name: round(value, 4) for name, value in scores.items()},
        'adjusted': is_better,
        'temperature': round(temperature, 4),
        'ece': {
            'before': round(calibration_error(points, truth), 4),
            'after': round(calibration_error(points / temperature, truth), 4),
        },
    }
    return replace(start, shift=shift, temperature=temperature), facts


def fitted_temperature(logits: Tensor, truth: Tensor) -> float:
    """Return the temperature with the least cross-entropy, between 1/8 and 8.

    The cross-entropy is convex in 1 / T, so the interval can be cut down from both sides.

    Args:
        logits: (N, classes) float32.
        truth: (N,) int64.
    """
    low, high = 1 / _HOTTEST, _HOTTEST
    for _ in range(_HALVINGS):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        losses = [functional.cross_entropy(logits * x, truth) for x in (first, second)]
        low, high = (low, second) if losses[0] < losses[1] else (first, high)
    return 2 / (low + high)


def calibration_error(logits: Tensor, truth: Tensor) -> float:
    """Return the expected calibration error of (N, classes) logits, 0 to 1, in 15 bins."""
    confidence, guess = logits.softmax(1).max(1)
    right = (guess == truth).float()
    bins = (confidence * _BINS).long().clamp_max(_BINS - 1)
    gaps = torch.zeros(_BINS).index_add(0, bins, right - confidence)
    return float(gaps.abs().sum() / max(1, len(truth)))


def adjustment(class_weights: NDArray[np.float32]) -> Tensor:
    """Return minus the log of the class weights of the loss, 0 for classes that have none."""
    weights = torch.from_numpy(class_weights)
    return torch.where(weights > 0, -weights.clamp_min(1e-6).log(), 0.0)


def save(folder: Path, found: Mapping[ModalitySet, Refined]) -> None:
    """Write the refinements of a run.

    Raises:
        TrainingError: if the disk is full.
    """
    tensors: dict[str, Tensor] = {}
    facts: dict[str, float] = {}
    for combination, one in found.items():
        tensors |= {f'{combination}/{name}': x for name, x in one.refinement.norms.items()}
        if one.refinement.shift is not None:
            tensors[f'{combination}/{_SHIFT}'] = one.refinement.shift
        facts[str(combination)] = one.refinement.temperature
    checkpoint.save(folder / REFINEMENT, tensors, {'temperature': facts})


def load(folder: Path) -> dict[ModalitySet, Refinement]:
    """Read the refinements of a run; none where nothing was refined.

    Raises:
        TrainingError: if the file is damaged.
    """
    if not (folder / REFINEMENT).is_file():
        return {}
    tensors, facts = checkpoint.load(folder / REFINEMENT)
    parts: dict[str, dict[str, Tensor]] = {name: {} for name in facts['temperature']}
    for key, value in tensors.items():
        combination, _, name = key.partition('/')
        parts[combination][name] = value
    return {
        ModalitySet.parse(name): Refinement(
            norms, norms.pop(_SHIFT, None), float(facts['temperature'][name])
        )
        for name, norms in parts.items()
    }
