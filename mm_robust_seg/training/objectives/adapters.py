# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Plain adapters on the frozen base: the task's loss, one combination after the other.

Reza, Prater-Bennette and Asif, arXiv 2310.03986. The base has no gradients, and the branches of
absent sensors are not executed, in training as on the robot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapted, Adapter, fold
from mm_robust_seg.network.adapters.placement import MakeAdapter
from mm_robust_seg.training.objectives.base import Criterion, MethodContext, Step, Task


class PlainAdapter:
    """The task's loss of the frozen network with one adapter in place."""

    def __init__(self, network: Adapted, combination: ModalitySet, criterion: Criterion) -> None:
        self.trained: nn.Module = network.adapter
        self.network, self.combination, self.criterion = network, combination, criterion

    def set_mode(self) -> None:
        """Keep the statistics of the frozen base."""
        self.network.segmenter.eval()
        self.network.adapter.train()

    def loss(self, step: Step) -> Tensor:
        """Return the loss of the adapted logits."""
        return self.criterion(self.network(step.only(self.combination)), step.labels)


class PlainAdapters:
    """The method: an adapter for every incomplete combination; complete input needs none."""

    def __init__(self, context: MethodContext, make_adapter: MakeAdapter) -> None:
        self.context, self.make_adapter = context, make_adapter
        self._adapters: dict[ModalitySet, Adapter] = {}

    def tasks(self) -> Iterator[Task]:
        """Yield one optimisation per incomplete combination."""
        context = self.context
        segmenter = context.segmenter.eval().requires_grad_(False)
        for combination in all_combinations(segmenter.modalities)[1:]:
            blocks = context.blocks.get(combination)
            adapter = self.make_adapter(segmenter, combination, blocks)
            network = Adapted(segmenter, adapter)
            objective = PlainAdapter(network, combination, context.criterion)
            yield Task(str(combination), objective, context.recipe.adapters, network, combination)
            self._adapters[combination] = adapter.eval().requires_grad_(False)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the base, and copies of it with an adapter built in."""
        segmenter = self.context.segmenter
        return {
            combination: fold(segmenter, self._adapters.get(combination))
            for combination in all_combinations(segmenter.modalities)
        }

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return the adapter of every incomplete combination."""
        return dict(self._adapters)
