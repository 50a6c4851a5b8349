# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""GMD with Dynamic Sharing (Wang et al., AAAI 2024; arXiv 2402.16318).

Every step has one loss per combination, all from one forward pass per modality, because a
combination's logits are a mean. Conflicts between their gradients are removed by
:func:`~mm_robust_seg.training.loop.gradients.conflict_free`, at one backward pass per combination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.dynamic_sharing import DynamicSharing, mean_logits
from mm_robust_seg.training.objectives.base import Criterion, MethodContext, Step, Task


class EveryCombination:
    """The task's loss of each combination, to be freed of conflicts."""

    def __init__(self, network: DynamicSharing, criterion: Criterion) -> None:
        self.trained: nn.Module = network
        self.network, self.criterion = network, criterion
        self.combinations = all_combinations(network.modalities)

    def set_mode(self) -> None:
        """Train everything."""
        self.network.train()

    def loss(self, step: Step) -> Tensor:
        """Return (2^n - 1,) losses, those of the largest combinations first."""
        images = step.only(self.network.modalities)
        logits = {m: self.network.unimodal(m, image) for m, image in images.items()}
        shares = self.network.shares(images)
        means = [mean_logits({m: logits[m] for m in c}, shares) for c in self.combinations]
        return torch.stack([self.criterion(x, step.labels) for x in means])


class DecoupledSharing:
    """The method: one shared network that serves every combination."""

    def __init__(self, context: MethodContext) -> None:
        self.context = context
        self._network = DynamicSharing(context.segmenter)

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation."""
        objective = EveryCombination(self._network, self.context.criterion)
        stage, modalities = self.context.recipe.base, self.context.modalities
        yield Task('shared', objective, stage, self._network, modalities)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the same network for every combination; it runs what is there."""
        network = self._network.eval().requires_grad_(False)
        return dict.fromkeys(all_combinations(self.context.modalities), network)

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return none."""
        return {}
