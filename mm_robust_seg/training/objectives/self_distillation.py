# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Self-distillation: one network whose complete input teaches it what to do with less.

Every step has complete input and one random combination of every smaller size: of three sensors a
pair and a single, of two a single. That is the sandwich rule and the inplace distillation of
universally slimmable networks (Yu and Huang, ICCV 2019; arXiv 1903.05134) with sensors in place of
channels. A step minimises

``CE(complete) + w sum_S (CE(S) + v T^2 KL(complete || S))``

with the complete logits as a target that has no gradient. Sensors do not meet before the fusion,
so encoders and projections run once for all combinations, and only fusion and decoder run again.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.prediction import projections
from mm_robust_seg.training.objectives.base import MethodContext, Step, Task
from mm_robust_seg.training.objectives.complete import CompleteInput
from mm_robust_seg.training.objectives.teaching import softened_divergence


class SelfDistillation:
    """The task's loss on complete and on incomplete input, and distillation between them."""

    def __init__(self, context: MethodContext) -> None:
        self.recipe, self.criterion = context.recipe.self_distillation, context.criterion
        self.segmenter = context.segmenter
        self.trained: nn.Module = context.segmenter

    def set_mode(self) -> None:
        """Train everything."""
        self.segmenter.train()

    def loss(self, step: Step) -> Tensor:
        """Return the weighted sum over complete input and the combinations of this step."""
        segmenter, recipe = self.segmenter, self.recipe
        levels, shares = projections(segmenter, step.images), segmenter.shares(step.images)

        def logits(combination: ModalitySet) -> Tensor:
            fused = [
                fuse.blend({m: level[m] for m in combination}, shares=share)
                for fuse, level, share in zip(segmenter.fusion, levels, shares, strict=True)
            ]
            return segmenter.decoder(fused)

        complete = logits(segmenter.modalities)
        target, total = complete.detach(), self.criterion(complete, step.labels)
        for combination in one_of_every_size(segmenter.modalities, step):
            own = logits(combination)
            taught = softened_divergence(own, target, recipe.temperature)
            loss = self.criterion(own, step.labels) + recipe.distillation_weight * taught
            total = total + recipe.incomplete_weight * loss
        return total


class SelfDistilled(CompleteInput):
    """The method: one network that has seen every combination and was taught by its best."""

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation."""
        context, objective = self.context, SelfDistillation(self.context)
        yield Task('base', objective, context.recipe.base, context.segmenter, context.modalities)


def one_of_every_size(modalities: ModalitySet, step: Step) -> Iterator[ModalitySet]:
    """Draw one incomplete combination of every size, the largest first."""
    for size in range(len(modalities) - 1, 0, -1):
        choices = [c for c in all_combinations(modalities) if len(c) == size]
        yield choices[int(step.rng.integers(len(choices)))]
