# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One weight-shared branch for all modalities (Saeed et al., arXiv 2408.07445).

The paper feeds embeddings of text, image or sound, made by fixed extractors, through one branch
of fully connected layers, in random order of modality; what is present is fused at the end. Here
the shared branch is the whole convolutional encoder behind a private stem, the present modalities'
features are averaged at four scales, and a step trains a random combination, complete included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, Modality, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.shared_branch import SharedBranch
from mm_robust_seg.training.objectives.base import (
    MethodContext,
    random_combination,
    Step,
    Task,
)


class RandomlyFed:
    """The task's loss on a combination drawn anew for every batch, in a share of them complete."""

    def __init__(self, network: SharedBranch, context: MethodContext) -> None:
        self.trained: nn.Module = network
        self.network, self.criterion = network, context.criterion
        self.complete = context.recipe.combinations.complete

    def set_mode(self) -> None:
        """Train everything."""
        self.network.train()

    def loss(self, step: Step) -> Tensor:
        """Return the loss of the logits of a random combination."""
        inputs = step.only(random_combination(self.network.modalities, step.rng, self.complete))
        return self.criterion(self.network(inputs), step.labels)


class OneBranch:
    """The method: one network for every combination, a third the size of the others.

    The trunk starts from the weights of the RGB encoder, the decoder from the decoder's.
    """

    def __init__(self, context: MethodContext) -> None:
        self.context, source = context, context.segmenter
        self.network = SharedBranch(**source.settings)
        if Modality.RGB in source.modalities:
            rgb = source.encoders[Modality.RGB.value]
            self._start_trunk(rgb.state_dict())
        self.network.decoder.load_state_dict(source.decoder.state_dict())

    def _start_trunk(self, encoder: Mapping[str, Tensor]) -> None:
        """Take an encoder's weights, but for those of the validity, which the trunk never sees."""
        trunk = self.network.encoders.trunk
        own = trunk.state_dict()
        colours = {n: x[:, : own[n].shape[1]] if x.ndim == 4 else x for n, x in encoder.items()}
        trunk.load_state_dict(colours)

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation."""
        context, network = self.context, self.network
        objective = RandomlyFed(network, context)
        yield Task('base', objective, context.recipe.base, network, context.modalities)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the same network for every combination."""
        network = self.network.eval().requires_grad_(False)
        return dict.fromkeys(all_combinations(self.context.modalities), network)

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return none."""
        return {}
