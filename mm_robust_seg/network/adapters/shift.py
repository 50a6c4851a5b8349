"""Shift features only: the other half of SSF (arXiv 2310.03986)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, key_of
from mm_robust_seg.network.adapters.ssf import scaled_sites
from mm_robust_seg.network.segmenter import Segmenter


class Shift(Adapter):
    """Beta (zeros) where :class:`ScaleShift` has gamma and beta."""

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        widths = scaled_sites(segmenter, combination, blocks)
        self.sites = tuple(widths)
        self.beta = nn.ParameterDict({key_of(s): torch.zeros(widths[s]) for s in self.sites})

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fold beta into the biases of the layers: ``y = x + beta``."""
        return {f'{s}.bias': base[f'{s}.bias'] + self.beta[key_of(s)] for s in self.sites}
