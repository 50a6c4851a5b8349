# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Dedicated networks: one for every combination, without the branches it does not need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import copy

from torch import nn

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.objectives.base import MethodContext, Task
from mm_robust_seg.training.objectives.complete import WholeNetwork


class DedicatedNetworks:
    """The method: the upper bound that adapters are measured against, at the price of storage.

    Each is trained until it stops gaining on training samples that are kept back, if any are. It
    starts from the weights given; with a trained complete-input network that one serves complete
    input as it is.
    """

    def __init__(self, context: MethodContext) -> None:
        self.context = context
        self._networks: dict[ModalitySet, Segmenter] = {}

    def tasks(self) -> Iterator[Task]:
        """Yield one optimisation per combination, the largest first."""
        context = self.context
        for combination in all_combinations(context.modalities):
            network = _branches(context.segmenter, combination)
            self._networks[combination] = network
            if context.trained and combination == context.modalities:
                continue
            objective = WholeNetwork(network, combination, context.criterion)
            stage, patience = context.recipe.base, context.recipe.dedicated.patience
            yield Task(str(combination), objective, stage, network, combination, patience=patience)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return each combination's own network."""
        return {c: n.eval().requires_grad_(False) for c, n in self._networks.items()}

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return none."""
        return {}


def _branches(segmenter: Segmenter, combination: ModalitySet) -> Segmenter:
    """Return a copy with the encoders and projections of ``combination`` alone."""
    branches = copy.deepcopy(segmenter)
    parts = [branches.encoders, *(p for f in branches.fusion for p in (f.project, f.gate))]
    for modality in segmenter.modalities - combination:
        for part in parts:
            del part[modality.value]
    branches.modalities = combination
    return branches
