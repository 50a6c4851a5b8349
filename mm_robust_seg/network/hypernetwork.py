# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One small network in place of stored adapters: it makes them from the set of present sensors.

Zhao et al. (arXiv 2406.01987) personalise part of a network's weights by a hyper-network that is
told which modalities are present; they describe the set in words to CLIP. A set of three sensors
is three bits, so here it is given as such, and what is generated is the scale and shift of the
features (``adapters.ssf``). As in the first hyper-networks (Ha et al., arXiv 1609.09106, section
3.1) the output is made chunk by chunk, each told apart by a learned embedding; this keeps it
small: an embedding of 12 numbers stands for the 16 of a chunk of 8 channels, times six adapters.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.adapters.base import adapted, Adapter, runs_for
from mm_robust_seg.network.adapters.ssf import scaled, scaled_sites
from mm_robust_seg.network.segmenter import Segmenter

Affine = tuple[Tensor, Tensor]
"""(C,) gamma and (C,) beta."""


class HyperNetwork(nn.Module):
    """Generate gamma and beta for every layer that runs; a new one generates 1 and 0.

    The output is divided by the root of the hidden layer's width: without, a step of the optimiser
    moves a scale many times as far as a stored one, and learning rates of adapters diverge.

    Args:
        chunk: channels that are generated together.
        embedding: length of what tells chunks apart.
        hidden: width of the hidden layer, and so the rank of everything generated.
    """

    def __init__(
        self, segmenter: Segmenter, chunk: int = 8, embedding: int = 12, hidden: int = 64
    ) -> None:
        super().__init__()
        self.modalities = segmenter.modalities
        self.widths = scaled_sites(segmenter, segmenter.modalities, None)
        self.chunks = {site: -(-width // chunk) for site, width in self.widths.items()}
        self.places = nn.Parameter(torch.randn(sum(self.chunks.values()), embedding))
        self.read_place = nn.Linear(embedding, hidden)
        self.read_presence = nn.Linear(len(self.modalities), hidden, bias=False)
        self.write = nn.Linear(hidden, 2 * chunk)
        nn.init.zeros_(self.write.weight)
        nn.init.zeros_(self.write.bias)

    def forward(self, combination: ModalitySet) -> dict[str, Affine]:
        """Return gamma and beta by the name of the layer."""
        present = self.places.new_tensor([float(m in combination) for m in self.modalities])
        hidden = torch.relu(self.read_place(self.places) + self.read_presence(present))
        generated = self.write(hidden).float() / hidden.shape[1] ** 0.5
        pieces = generated.split(list(self.chunks.values()))
        affines = {}
        for (site, width), chunks in zip(self.widths.items(), pieces, strict=True):
            if runs_for(site, combination):
                scale, shift = (half.flatten()[:width] for half in chunks.chunk(2, dim=1))
                affines[site] = (1 + scale, shift)
        return affines


class Generated(Adapter):
    """The adapter that a hyper-network makes for one combination; it folds like any other."""

    def __init__(self, hypernetwork: HyperNetwork, combination: ModalitySet) -> None:
        super().__init__()
        self.hypernetwork, self.combination = hypernetwork, combination

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fold gamma and beta into the parameters of the layers."""
        folded = {}
        for site, (gamma, beta) in self.hypernetwork(self.combination).items():
            folded[f'{site}.weight'] = scaled(base[f'{site}.weight'], gamma)
            folded[f'{site}.bias'] = gamma * base[f'{site}.bias'] + beta
        return folded


class Personalized(nn.Module):
    """A frozen network that adapts to whichever modalities it is given."""

    def __init__(self, segmenter: Segmenter, hypernetwork: HyperNetwork) -> None:
        super().__init__()
        self.segmenter, self.hypernetwork = segmenter, hypernetwork

    def forward(self, inputs: Mapping[Modality, Tensor]) -> Tensor:
        """Map inputs to logits as ``Segmenter.forward``."""
        return adapted(self.segmenter, self.adapter(ModalitySet(inputs)), inputs)

    def adapter(self, combination: ModalitySet) -> Generated | None:
        """Return the adapter of ``combination``; the complete one has none."""
        if combination == self.segmenter.modalities:
            return None
        return Generated(self.hypernetwork, combination)
