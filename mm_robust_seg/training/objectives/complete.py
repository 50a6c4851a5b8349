# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The base: complete input and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.objectives.base import (
    Criterion,
    MethodContext,
    Step,
    Task,
)


class WholeNetwork:
    """The task's loss of one network on one combination, all weights and statistics trained.

    Keeping the batch-norm statistics that an encoder was pretrained with is a trap: nothing then
    holds its features in range while the weights move, and the last stage dies (decision 7).
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, criterion: Criterion
    ) -> None:
        self.trained: nn.Module = segmenter
        self.segmenter, self.combination, self.criterion = segmenter, combination, criterion

    def set_mode(self) -> None:
        """Train everything."""
        self.segmenter.train()

    def loss(self, step: Step) -> Tensor:
        """Return the loss of the combination's logits."""
        return self.criterion(self.segmenter(step.only(self.combination)), step.labels)


class CompleteInput:
    """The method: one network, trained on complete input, run on whatever is there."""

    def __init__(self, context: MethodContext) -> None:
        self.context = context

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation."""
        context = self.context
        objective = WholeNetwork(context.segmenter, context.modalities, context.criterion)
        yield Task('base', objective, context.recipe.base, context.segmenter, context.modalities)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the same network for every combination."""
        network = self.context.segmenter.eval().requires_grad_(False)
        return dict.fromkeys(all_combinations(self.context.modalities), network)

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return none."""
        return {}
