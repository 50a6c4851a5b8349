# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a method of coping with missing modalities is, as training, export and tables see it.

A *method* is a sequence of *tasks*, each of which minimises one *objective*; in the end it has a
network for every combination. ``training/methods.py`` lists the methods by name; each file of this
folder holds one objective and the method that uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.modality import all_combinations, Modality, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.recipe import Recipe, StageRecipe

Inputs = dict[Modality, Tensor]
"""(N, C_m, h, w) float32 per modality."""


@dataclass(frozen=True)
class Step:
    """One training batch, complete.

    Attributes:
        images: of all modalities of the data set.
        labels: (N, h, w) uint8, 255 ignored.
        rng: the only source of chance; a function of seed, epoch and step.
        epoch, epochs: the current one, from 0, and how many there are.
    """

    images: Inputs
    labels: Tensor
    rng: np.random.Generator
    epoch: int
    epochs: int

    def only(self, combination: ModalitySet) -> Inputs:
        """Return the images of ``combination``."""
        return {m: self.images[m] for m in combination}


class Objective(Protocol):
    """What one optimisation minimises, and by changing what.

    Attributes:
        trained: the module whose parameters with ``requires_grad`` change.
    """

    trained: nn.Module

    def set_mode(self) -> None:
        """Put every layer in its mode for training."""

    def loss(self, step: Step) -> Tensor:
        """Return a scalar, or (K,) losses whose gradients are to be freed of conflicts.

        Called under autocast; losses are computed in float32.
        """


@dataclass(frozen=True)
class Task:
    """One optimisation.

    Attributes:
        name: of the checkpoint; unique within a method, such as ``base`` or ``rgb+depth``.
        network: maps inputs of ``combination`` to logits while training goes on; validated.
        reads: whether its steps need images and labels; none are loaded for one with its own.
        patience: epochs without a gain, on training samples that are kept back, which end it: it
            is then what it was at its best. 0: all epochs are trained.
    """

    name: str
    objective: Objective
    stage: StageRecipe
    network: nn.Module
    combination: ModalitySet
    reads: bool = True
    patience: int = 0


class Method(Protocol):
    """One way of coping with missing modalities."""

    def tasks(self) -> Iterator[Task]:
        """Yield the optimisations in order; when one is asked for, the ones before are done."""

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return, when all tasks are done, the inference network of every combination.

        Each is in eval mode, without gradients, and maps inputs of exactly its combination to
        (N, classes, h / 4, w / 4) logits. Equal tensors may be shared between them.
        """

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return the adapters on the frozen base, if that is what the method trains."""


Criterion = Callable[[Tensor, Tensor], Tensor]
"""(N, classes, h / 4, w / 4) logits and (N, h, w) uint8 labels to a scalar loss."""


@dataclass(frozen=True)
class MethodContext:
    """What every method is given.

    Attributes:
        segmenter: the complete-input network: trained, where a method builds on one; otherwise
            with the weights training starts from. On the device, a copy of the caller's.
        trained: whether ``segmenter`` was trained.
        calibration: gives a few batches of the training split, the same ones at every call; on
            the device. Without any, nothing is recalibrated.
        epoch: gives the augmented batches of an epoch, images and (N, h, w) uint8 labels, on the
            device; of this process alone.
        blocks: where adapters may change the network, by combination; anywhere if not in it.
    """

    recipe: Recipe
    segmenter: Segmenter
    trained: bool
    criterion: Criterion
    calibration: Callable[[], Iterable[Inputs]] = tuple
    epoch: Callable[[int], Iterable[tuple[Inputs, Tensor]]] = lambda _epoch: ()
    blocks: Mapping[ModalitySet, tuple[str, ...]] = field(default_factory=dict)

    @property
    def modalities(self) -> ModalitySet:
        """The complete combination."""
        return self.segmenter.modalities


@dataclass(frozen=True)
class SegmentationLoss:
    """Weighted cross-entropy at half the input's resolution, where it costs a quarter.

    Attributes:
        weights: (classes,) float32 weight of each class.
    """

    weights: Tensor

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over labelled pixels; 0 if there are none."""
        target = labels[:, ::2, ::2].long()
        enlarged = functional.interpolate(logits.float(), target.shape[-2:], mode='bilinear')
        if not (target != UNLABELED).any():
            return enlarged.sum() * 0.0
        weights = self.weights.to(enlarged.device)
        return functional.cross_entropy(enlarged, target, weights, ignore_index=UNLABELED)


def random_combination(
    modalities: ModalitySet, rng: np.random.Generator, complete: float = 0.0
) -> ModalitySet:
    """Draw a non-empty subset of ``modalities``.

    Args:
        complete: probability with which all of them are taken; else each subset is equally likely.
    """
    if rng.random() < complete:
        return modalities
    members = tuple(modalities)
    number = int(rng.integers(1, 2 ** len(members)))
    return ModalitySet(m for bit, m in enumerate(members) if number >> bit & 1)


def random_incomplete(modalities: ModalitySet, rng: np.random.Generator) -> ModalitySet:
    """Draw a non-empty, proper subset of ``modalities``, each with the same probability."""
    incomplete = all_combinations(modalities)[1:]
    return incomplete[int(rng.integers(len(incomplete)))]


def shared_stage(context: MethodContext) -> StageRecipe:
    """Return the stage of one optimisation in place of one for every incomplete combination.

    It takes as many steps as all of them together.
    """
    stage, incomplete = context.recipe.adapters, all_combinations(context.modalities)[1:]
    return replace(stage, epochs=stage.epochs * len(incomplete))
