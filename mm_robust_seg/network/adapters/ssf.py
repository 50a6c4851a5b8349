"""Scale and shift of features (SSF, Lian et al., NeurIPS 2022; per combination: arXiv 2310.03986).

``y = gamma * x + beta`` per channel after a normalisation folds into its affine parameters:
``weight' = gamma * weight``, ``bias' = gamma * bias + beta``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, sites
from mm_robust_seg.network.segmenter import Segmenter


class ScaleShift(Adapter):
    """Gamma (ones) and beta (zeros) for every normalisation that runs, expansions excepted.

    The expansion layers of the inverted residuals hold half of all channels; leaving them out
    keeps a two-sensor adapter under 1 % of the network. ``blocks`` may name them all the same.
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        found = sites(segmenter, combination, (nn.BatchNorm2d, nn.LayerNorm), blocks)
        widths = {
            name: module.weight.numel()
            for name, module in found
            if blocks is not None or not _is_expansion(segmenter, name)
        }
        self.sites = tuple(widths)
        self.gamma = nn.ParameterDict({_key(s): torch.ones(widths[s]) for s in self.sites})
        self.beta = nn.ParameterDict({_key(s): torch.zeros(widths[s]) for s in self.sites})

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fold gamma and beta into the affine parameters of the norms."""
        folded = {}
        for site in self.sites:
            gamma, beta = self.gamma[_key(site)], self.beta[_key(site)]
            folded[f'{site}.weight'] = gamma * base[f'{site}.weight']
            folded[f'{site}.bias'] = gamma * base[f'{site}.bias'] + beta
        return folded


def _is_expansion(segmenter: Segmenter, norm: str) -> bool:
    parent, _, index = norm.rpartition('.')
    convolution = segmenter.get_submodule(f'{parent}.{int(index) - 1}')
    inside_encoder = norm.startswith('encoders.') and '.conv.' in norm
    pointwise = convolution.kernel_size == (1, 1)
    return inside_encoder and pointwise and convolution.out_channels > convolution.in_channels


def _key(site: str) -> str:
    return site.replace('.', '/')
