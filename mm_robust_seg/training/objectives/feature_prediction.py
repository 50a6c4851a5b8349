# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Predict the features of the missing modality (Kim & Kim, arXiv 2407.12616).

The paper tunes unimodal encoders by their biases and predicts the embedding of the missing
modality, one vector per sample, from read-only prompts of the present encoder; the prediction is
trained with VICReg beside the task. A convolutional segmentation network has neither prompts nor
one vector per sample. So here

- 1x1 convolutions predict the projections of the missing modalities, pixel by pixel, at the three
  coarser of four scales, and the gated fusion takes them in place of the real ones,
- the samples of VICReg are the pixels of the batch,
- the targets come from the frozen base, which the fusion was trained with, so only the predictions
  are kept from collapsing; both are measured in standard deviations of the target, channel by
  channel, which gives the variance term's 1 its sense,
- all biases of the base are tuned, for incomplete input alone: complete input runs on the base.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.prediction import FIRST_LEVEL, PredictiveSegmenter, projections
from mm_robust_seg.training.method_recipes import FeaturePredictionRecipe
from mm_robust_seg.training.objectives.base import (
    MethodContext,
    random_incomplete,
    shared_stage,
    Step,
    Task,
)

_EPS = 1e-4


class FeaturePrediction:
    """The task's loss with missing features predicted, and VICReg of the predictions."""

    def __init__(self, network: PredictiveSegmenter, context: MethodContext) -> None:
        self.trained: nn.Module = network
        self.network, self.base = network, context.segmenter
        self.criterion, self.recipe = context.criterion, context.recipe.feature_prediction

    def set_mode(self) -> None:
        """Keep the statistics of the frozen base."""
        self.network.eval()

    def loss(self, step: Step) -> Tensor:
        """Return both losses of a random incomplete combination."""
        present = random_incomplete(self.network.modalities, step.rng)
        given = step.only(present)
        levels = self.network.completed(given)
        logits = self.network.decoder(self.network.blend(levels, given))
        task = self.criterion(logits, step.labels)
        absent = self.network.modalities - present
        with torch.no_grad():
            wanted = projections(self.base, step.only(absent))
        terms = [
            prediction_loss(level[m], target[m], self.recipe)
            for level, target in zip(levels[FIRST_LEVEL:], wanted[FIRST_LEVEL:], strict=True)
            for m in absent
        ]
        return task + torch.stack(terms).mean()


class PredictedFeatures:
    """The method: tuned biases and predictors on the frozen base, one set for all combinations."""

    def __init__(self, context: MethodContext) -> None:
        self.context = context
        base = context.segmenter.eval().requires_grad_(False)
        self.network = PredictiveSegmenter(base, context.recipe.feature_prediction.hidden)
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name.startswith('predictors.') or name.endswith('.bias'))

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation, validated on the last modality alone."""
        context = self.context
        objective = FeaturePrediction(self.network, context)
        alone = all_combinations(context.modalities)[-1]
        yield Task('predictors', objective, shared_stage(context), self.network, alone)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the base for complete input, and the predicting network for all other."""
        complete, *incomplete = all_combinations(self.context.modalities)
        network = self.network.eval().requires_grad_(False)
        return {complete: self.context.segmenter, **dict.fromkeys(incomplete, network)}

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return none: predictions are new operators, not changes of the base's."""
        return {}


def prediction_loss(prediction: Tensor, target: Tensor, recipe: FeaturePredictionRecipe) -> Tensor:
    """Return the weighted terms of VICReg, equation 6, with the target given.

    Args:
        prediction, target: (N, C, h, w).
    """
    guessed, wanted = _rows(prediction), _rows(target)
    spread, middle = torch.var_mean(wanted, dim=0)
    scale = torch.rsqrt(spread + _EPS)
    guessed, wanted = (guessed - middle) * scale, (wanted - middle) * scale
    return (
        recipe.invariance_weight * invariance(guessed, wanted)
        + recipe.variance_weight * variance(guessed)
        + recipe.covariance_weight * covariance(guessed)
    )


def invariance(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean squared difference of (n, d) embeddings: VICReg, equation 5, over d."""
    return (first - second).square().mean()


def variance(embeddings: Tensor) -> Tensor:
    """Return by how much the channels of (n, d) embeddings vary less than 1, on average.

    VICReg (Bardes et al., ICLR 2022, arXiv 2105.04906), equations 1 and 2.
    """
    return torch.relu(1 - torch.sqrt(embeddings.var(0) + _EPS)).mean()


def covariance(embeddings: Tensor) -> Tensor:
    """Return the squared covariances between channels of (n, d) embeddings, summed, over d.

    VICReg, equations 3 and 4.
    """
    count, width = embeddings.shape
    centred = embeddings - embeddings.mean(0)
    with torch.autocast(embeddings.device.type, enabled=False):
        matrix = centred.T @ centred / (count - 1)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / width


def _rows(features: Tensor) -> Tensor:
    """Turn (N, C, h, w) into (N * h * w, C) float32."""
    return features.float().movedim(1, -1).flatten(0, 2)
