# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Train the biases only (BitFit, Zaken et al., ACL 2022; arXiv 2106.10199)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, key_of, sites
from mm_robust_seg.network.segmenter import Segmenter


class BitFit(Adapter):
    """A copy of every bias that runs: of norms, convolutions and linear layers."""

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        found = {
            f'{name}.bias': module.bias
            for name, module in sites(segmenter, combination, (nn.Module,), blocks)
            if isinstance(getattr(module, 'bias', None), nn.Parameter)
        }
        self.sites = tuple(found)
        self.bias = nn.ParameterDict({key_of(s): b.detach().clone() for s, b in found.items()})

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put the copies in the biases' place."""
        return {site: self.bias[key_of(site)] for site in self.sites}
