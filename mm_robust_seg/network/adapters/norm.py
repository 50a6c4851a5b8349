# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Train the affine parameters of the norms themselves (arXiv 2310.03986)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, key_of
from mm_robust_seg.network.adapters.ssf import affordable_sites, NORMS, scaled_sites
from mm_robust_seg.network.segmenter import Segmenter


class NormAffine(Adapter):
    """A copy of weight and bias of every norm, of expansions as far as 1 % goes.

    It can express what scaling and shifting behind the norms can, but learns it at another
    pace: a step changes each weight by as much whatever its size, and decay pulls to zero
    instead of to the frozen value.
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        self.sites = tuple(
            affordable_sites(segmenter, combination, 2, NORMS)
            if blocks is None
            else scaled_sites(segmenter, combination, blocks, NORMS)
        )
        self.weight = _copies(segmenter, self.sites, 'weight')
        self.bias = _copies(segmenter, self.sites, 'bias')

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put the copies in the norms' place."""
        weights = {f'{site}.weight': self.weight[key_of(site)] for site in self.sites}
        return weights | {f'{site}.bias': self.bias[key_of(site)] for site in self.sites}


def _copies(segmenter: Segmenter, names: tuple[str, ...], leaf: str) -> nn.ParameterDict:
    values = {name: segmenter.get_parameter(f'{name}.{leaf}') for name in names}
    return nn.ParameterDict({key_of(n): v.detach().clone() for n, v in values.items()})
