# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Low-rank changes of weights (LoRA, Hu et al., ICLR 2022; arXiv 2106.09685, equation 3).

``W' = W + scaling * B A`` with A (r, in) and B (out, r). The weight of a convolution is seen as
the matrix (C_out, C_in * k * k) that it is for one position.
"""

from __future__ import annotations

from collections.abc import Mapping
import math

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, key_of, sites
from mm_robust_seg.network.adapters.placement import (
    affordable,
    below_one_percent,
    deepest_first,
)
from mm_robust_seg.network.segmenter import Segmenter


class LowRank(Adapter):
    """A pair of matrices for convolutions and linear layers; B is zero at the start.

    Pairs in all of one MobileNetV2 encoder would be 1.2 % of a network of three. Unless
    ``blocks`` says where, fusion and decoder come first and then the encoders from their deep
    ends, where most weights and the semantics are, as far as 1 % of the parameters goes.

    Depthwise convolutions have none: their matrix is C x 9, and a pair of rank 4 would cost
    nearly half of it.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        combination: ModalitySet,
        blocks: Blocks = None,
        rank: int = 4,
        scaling: float = 1.0,
    ) -> None:
        super().__init__()
        shapes = paired_sites(segmenter, combination, blocks)
        if blocks is None:
            cost = {site: pair_size(shape, rank) for site, shape in shapes.items()}
            chosen = affordable(deepest_first(cost), cost, below_one_percent(segmenter))
            shapes = {site: shapes[site] for site in chosen}
        self.sites = tuple(shapes)
        self.scaling = scaling
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for site, (rows, columns) in shapes.items():
            own_rank = min(rank, rows, columns)
            bound = 1 / math.sqrt(columns)
            down = torch.empty(own_rank, columns).uniform_(-bound, bound)
            self.down[key_of(site)] = nn.Parameter(down)
            self.up[key_of(site)] = nn.Parameter(torch.zeros(rows, own_rank))

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Add the product of each pair to its weight."""
        changed = {}
        for site in self.sites:
            weight = base[f'{site}.weight']
            change = self.up[key_of(site)] @ self.down[key_of(site)]
            changed[f'{site}.weight'] = weight + self.scaling * change.reshape(weight.shape)
        return changed


def paired_sites(
    segmenter: Segmenter, combination: ModalitySet, blocks: Blocks
) -> dict[str, tuple[int, int]]:
    """Return the layers that can have a pair, and their weight's (rows, columns)."""
    return {
        name: (len(module.weight), module.weight[0].numel())
        for name, module in sites(segmenter, combination, (nn.Conv2d, nn.Linear), blocks)
        if getattr(module, 'groups', 1) == 1
    }


def pair_size(shape: tuple[int, int], rank: int) -> int:
    """Count the parameters of a pair for a matrix of ``shape``."""
    return min(rank, *shape) * sum(shape)
