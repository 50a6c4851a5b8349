# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""DMRNet (Wei et al., ECCV 2024; arXiv 2407.04458) on this project's network.

Every step has a random combination, a sampled embedding, and its divergence from N(0, 1), whose
gradient reaches both heads (the published script cuts it off). A second decoder on the same
sample gives incomplete combinations more weight, once training is on its way. Inference runs
neither it nor the variance. Combinations are drawn per batch, not per sample, so that the
branches of absent sensors need not run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.probabilistic import divergence, MeanSegmenter, ProbabilisticTraining
from mm_robust_seg.training.objectives.base import (
    MethodContext,
    random_combination,
    Step,
    Task,
)


class SampledEmbedding:
    """The task's loss of a sample, the divergence, and the second decoder's loss."""

    def __init__(self, context: MethodContext, training: ProbabilisticTraining) -> None:
        self.recipe, self.criterion = context.recipe.dmrnet, context.criterion
        self.modalities = context.modalities
        self.complete = context.recipe.combinations.complete
        self.trained: nn.Module = training
        self.training = training

    def set_mode(self) -> None:
        """Train everything."""
        self.training.train()

    def loss(self, step: Step) -> Tensor:
        """Return the weighted sum for a combination drawn anew."""
        combination = random_combination(self.modalities, step.rng, self.complete)
        generator = torch.Generator().manual_seed(int(step.rng.integers(2**63 - 1)))
        levels, mean, log_variance = self.training.sample(step.only(combination), generator)
        total = self.criterion(self.training.network.decoder(levels), step.labels)
        total = total + self.recipe.divergence_weight * divergence(mean, log_variance)
        if combination != self.modalities and self._counts_hard_ones(step):
            hard = self.criterion(self.training.second_decoder(levels), step.labels)
            total = total + self.recipe.hard_weight * hard
        return total

    def _counts_hard_ones(self, step: Step) -> bool:
        begun = step.epoch >= self.recipe.hard_from * step.epochs
        return begun and self.recipe.hard_weight > 0


class DMRNet:
    """The method: one network that serves every combination by its mean embedding."""

    def __init__(self, context: MethodContext) -> None:
        self.context = context
        self._network = MeanSegmenter(context.segmenter)

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation."""
        objective = SampledEmbedding(self.context, ProbabilisticTraining(self._network))
        stage, modalities = self.context.recipe.base, self.context.modalities
        yield Task('probabilistic', objective, stage, self._network, modalities)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the same network, without what only training needs, for every combination."""
        network = self._network.eval().requires_grad_(False)
        return dict.fromkeys(all_combinations(self.context.modalities), network)

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return none."""
        return {}
