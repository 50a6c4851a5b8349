# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Modality dropout: one network, trained on a random combination in every step.

As in ModDrop (Neverova et al., TPAMI 2016; arXiv 1501.00102), but with the branches of what is
dropped not executed, so that training sees what the robot will.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from mm_robust_seg.training.objectives.base import (
    MethodContext,
    random_combination,
    Step,
    Task,
)
from mm_robust_seg.training.objectives.complete import (
    CompleteInput,
    WholeNetwork,
)


class RandomCombination(WholeNetwork):
    """The task's loss on a combination drawn anew for every batch, in a share of them complete."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context.segmenter, context.modalities, context.criterion)
        self.complete = context.recipe.combinations.complete

    def loss(self, step: Step) -> Tensor:
        """Return the loss of the logits of a random combination."""
        inputs = step.only(random_combination(self.combination, step.rng, self.complete))
        return self.criterion(self.segmenter(inputs), step.labels)


class ModalityDropout(CompleteInput):
    """The method: one network that has seen every combination."""

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation."""
        context = self.context
        objective = RandomCombination(context)
        yield Task('base', objective, context.recipe.base, context.segmenter, context.modalities)
