# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Masked modelling that also makes up the missing modality (Zhao et al., arXiv 2406.01987).

Patches of the present images are masked; from the fused features a light decoder reconstructs
them and the missing images, and complete input teaches incomplete input. The paper does so with a
masked autoencoder of transformers, feeds the reconstruction back, and learns from incomplete
training data too. Here all is one training of the convolutional network:

- masked pixels are set to 0, as convolutions cannot leave patches out,
- images are reconstructed at a quarter of their size, at the stride of the finest features,
- the complete pass of the same network, which has its own loss in every step, is the teacher.

The hyper-network of the same paper is a method of its own. The light decoder is not exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.decoder import SumDecoder
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.objectives.base import (
    Inputs,
    MethodContext,
    random_combination,
    Step,
    Task,
)
from mm_robust_seg.training.objectives.complete import CompleteInput
from mm_robust_seg.training.objectives.teaching import softened_divergence

STRIDE = 4
"""Input pixels per side of a reconstructed one."""


class MaskedReconstruction(nn.Module):
    """What is trained: the network, and the decoder of images that is dropped afterwards."""

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        self.segmenter = segmenter
        kinds = [KINDS[m] for m in segmenter.modalities]
        self.widths = [kind.input_channels(segmenter.validity) for kind in kinds]
        self.imagine = SumDecoder(segmenter.channels, sum(self.widths))

    def forward(self, inputs: Mapping[Modality, Tensor]) -> tuple[Tensor, Inputs]:
        """Return logits and images of all modalities, (N, C_m, h / 4, w / 4)."""
        levels = self.segmenter.fuse(inputs)
        images = self.imagine(levels).split(self.widths, dim=1)
        return self.segmenter.decoder(levels), dict(
            zip(self.segmenter.modalities, images, strict=True)
        )


class Reconstruction:
    """The task's loss on complete and on incomplete input, reconstruction and distillation."""

    def __init__(self, context: MethodContext) -> None:
        self.network = MaskedReconstruction(context.segmenter)
        self.trained: nn.Module = self.network
        self.criterion, self.recipe = context.criterion, context.recipe.reconstruction

    def set_mode(self) -> None:
        """Train everything."""
        self.network.train()

    def loss(self, step: Step) -> Tensor:
        """Return the weighted sum of the four terms."""
        segmenter, recipe = self.network.segmenter, self.recipe
        present = random_combination(segmenter.modalities, step.rng)
        hidden = self._hidden(step, present)
        complete = segmenter(step.images)
        logits, images = self.network(masked(step.only(present), hidden))
        return (
            self.criterion(complete, step.labels)
            + self.criterion(logits, step.labels)
            + recipe.reconstruction_weight * reconstruction_error(images, step.images, hidden)
            + recipe.distillation_weight
            * softened_divergence(logits, complete.detach(), recipe.temperature)
        )

    def _hidden(self, step: Step, present: ModalitySet) -> Inputs:
        """Tell what the network does not see: (N, 1, h / 4, w / 4) of 0 and 1 per modality."""
        count, height, width = step.labels.shape
        size, side = (height // STRIDE, width // STRIDE), max(1, self.recipe.patch_px // STRIDE)
        hidden = {}
        for modality, image in step.images.items():
            share = self.recipe.masked if modality in present else 1.0
            patches = patch_mask((count, *size), side, share, step.rng)
            hidden[modality] = torch.from_numpy(patches[:, None]).to(image.device)
        return hidden


class ReconstructedModalities(CompleteInput):
    """The method: one network that has seen every combination and learned what is missing."""

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation."""
        context, objective = self.context, Reconstruction(self.context)
        yield Task('base', objective, context.recipe.base, context.segmenter, context.modalities)


def patch_mask(
    shape: tuple[int, int, int], side: int, share: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return (N, h, w) = ``shape`` float32: 1 in a random ``share`` of square patches, else 0."""
    count, height, width = shape
    patches = rng.random((count, -(-height // side), -(-width // side))) < share
    enlarged = patches.repeat(side, axis=1).repeat(side, axis=2)
    return enlarged[:, :height, :width].astype(np.float32)


def masked(inputs: Inputs, hidden: Inputs) -> Inputs:
    """Set what is hidden to 0, the mean after normalisation."""
    return {
        m: image * (1 - functional.interpolate(hidden[m], image.shape[-2:]))
        for m, image in inputs.items()
    }


def reconstruction_error(images: Inputs, originals: Inputs, hidden: Inputs) -> Tensor:
    """Return the mean squared error where the network did not look; 0 if it saw everything."""
    errors = [
        (image.float() - functional.avg_pool2d(originals[m], STRIDE)).square().mean(1, True)
        for m, image in images.items()
    ]
    weights = [hidden[m] for m in images]
    total = sum(error.mul(weight).sum() for error, weight in zip(errors, weights, strict=True))
    return total / sum(weight.sum() for weight in weights).clamp_min(1.0)
