"""Scale and shift of features (SSF, Lian et al., NeurIPS 2022; per combination: arXiv 2310.03986).

``y = gamma * x + beta`` per channel after a normalisation folds into its affine parameters:
``weight' = gamma * weight``, ``bias' = gamma * bias + beta``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import runs_for
from mm_robust_seg.network.segmenter import Segmenter


class ScaleShift(nn.Module):
    """Gamma (ones) and beta (zeros) for every normalisation that runs, expansions excepted.

    The expansion layers of the inverted residuals hold half of all channels; leaving them out
    keeps a two-sensor adapter under 1 % of the network.
    """

    def __init__(self, segmenter: Segmenter, combination: ModalitySet) -> None:
        super().__init__()
        self.sites = tuple(
            name
            for name, module in segmenter.named_modules()
            if isinstance(module, nn.BatchNorm2d)
            and runs_for(name, combination)
            and not _is_expansion(segmenter, name)
        )
        widths = {site: segmenter.get_submodule(site).num_features for site in self.sites}
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
