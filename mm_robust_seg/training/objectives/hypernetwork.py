# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Adapters generated from the set of present sensors, after Zhao et al. (arXiv 2406.01987).

One hyper-network in place of an adapter for every incomplete combination, on the frozen base. A
step trains it on one of them, drawn at random, by the task's loss; there are as many steps as the
stored adapters take together. The paper generates part of a network that is trained with it, from
a description in words; see ``network.hypernetwork``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, fold
from mm_robust_seg.network.hypernetwork import HyperNetwork, Personalized
from mm_robust_seg.training.objectives.base import (
    Criterion,
    MethodContext,
    random_incomplete,
    shared_stage,
    Step,
    Task,
)


class GeneratedAdapters:
    """The task's loss of the frozen network with a generated adapter in place."""

    def __init__(self, network: Personalized, criterion: Criterion) -> None:
        self.trained: nn.Module = network.hypernetwork
        self.network, self.criterion = network, criterion

    def set_mode(self) -> None:
        """Keep the statistics of the frozen base."""
        self.network.segmenter.eval()
        self.network.hypernetwork.train()

    def loss(self, step: Step) -> Tensor:
        """Return the loss of the logits of a random incomplete combination."""
        combination = random_incomplete(self.network.segmenter.modalities, step.rng)
        return self.criterion(self.network(step.only(combination)), step.labels)


class HyperNetworkAdapters:
    """The method: what it stores is the hyper-network; every graph has its adapter folded in."""

    def __init__(self, context: MethodContext) -> None:
        self.context = context
        segmenter = context.segmenter.eval().requires_grad_(False)
        recipe = vars(context.recipe.hypernetwork)
        self.network = Personalized(segmenter, HyperNetwork(segmenter, **recipe))

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation, validated on the last modality alone."""
        context = self.context
        objective = GeneratedAdapters(self.network, context.criterion)
        alone = all_combinations(context.modalities)[-1]
        yield Task('hypernetwork', objective, shared_stage(context), self.network, alone)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the base, and copies of it with a generated adapter built in."""
        return {
            combination: fold(self.context.segmenter, self.network.adapter(combination))
            for combination in all_combinations(self.context.modalities)
        }

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return a view of the one hyper-network for every incomplete combination."""
        incomplete = all_combinations(self.context.modalities)[1:]
        self.network.hypernetwork.eval().requires_grad_(False)
        return {c: a for c in incomplete if (a := self.network.adapter(c)) is not None}
