"""Scale features only: half of SSF, to see which half matters (arXiv 2310.03986)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, key_of
from mm_robust_seg.network.adapters.ssf import scaled, scaled_sites
from mm_robust_seg.network.segmenter import Segmenter


class Scale(Adapter):
    """Gamma (ones) where :class:`ScaleShift` has gamma and beta."""

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        widths = scaled_sites(segmenter, combination, blocks)
        self.sites = tuple(widths)
        self.gamma = nn.ParameterDict({key_of(s): torch.ones(widths[s]) for s in self.sites})

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fold gamma into the parameters of the layers: ``y = gamma * x``."""
        return {
            f'{site}.{leaf}': scaled(base[f'{site}.{leaf}'], self.gamma[key_of(site)])
            for site in self.sites
            for leaf in ('weight', 'bias')
        }
