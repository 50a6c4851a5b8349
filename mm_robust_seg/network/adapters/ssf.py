# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scale and shift of features (SSF, Lian et al., NeurIPS 2022; per combination: arXiv 2310.03986).

``y = gamma * x + beta`` per channel after a layer folds into its parameters:
``weight' = gamma * weight``, ``bias' = gamma * bias + beta``.
"""

from __future__ import annotations

from collections.abc import Mapping

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

NORMS = (nn.BatchNorm2d, nn.LayerNorm)
LAYERS = (*NORMS, nn.Linear, nn.Conv2d)


class ScaleShift(Adapter):
    """Gamma (ones) and beta (zeros) for every layer that runs, as far as 1 % goes.

    What is cheap comes first: norms, linear layers, gates and the classifier. Then the norms of
    expansions, where an inverted residual has half of all its channels, from the deepest on. In
    ``blocks``, if given, everything is scaled and shifted. A convolution without a bias needs
    nothing: the norm behind it has it.

    Args:
        scales: whether there are gammas.
        shifts: whether there are betas; one without the other shows which half matters.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        combination: ModalitySet,
        blocks: Blocks = None,
        scales: bool = True,
        shifts: bool = True,
    ) -> None:
        super().__init__()
        per_channel = int(scales) + int(shifts)
        widths = (
            affordable_sites(segmenter, combination, per_channel)
            if blocks is None
            else scaled_sites(segmenter, combination, blocks)
        )
        self.sites = tuple(widths)
        gamma = {key_of(site): torch.ones(width) for site, width in widths.items() if scales}
        beta = {key_of(site): torch.zeros(width) for site, width in widths.items() if shifts}
        self.gamma, self.beta = nn.ParameterDict(gamma), nn.ParameterDict(beta)

    @property
    def norms(self) -> tuple[str, ...]:
        """Names of what :meth:`rescale` takes."""
        return self.sites

    def rescale(self, norm: str, gamma: Tensor, beta: Tensor) -> None:
        """Scale and shift the output of a layer by (C,) each, in place of what it had."""
        with torch.no_grad():
            self.gamma[key_of(norm)].copy_(gamma)
            self.beta[key_of(norm)].copy_(beta)

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fold gamma and beta into the parameters of the layers."""
        folded = {}
        for site in self.sites:
            key, bias = key_of(site), base[f'{site}.bias']
            if self.gamma:
                folded[f'{site}.weight'] = scaled(base[f'{site}.weight'], self.gamma[key])
                bias = self.gamma[key] * bias
            folded[f'{site}.bias'] = bias + self.beta[key] if self.beta else bias
        return folded


def scaled_sites(
    segmenter: Segmenter,
    combination: ModalitySet,
    blocks: Blocks,
    kinds: tuple[type[nn.Module], ...] = LAYERS,
) -> dict[str, int]:
    """Return the layers whose output is scaled and shifted, and how many channels each has.

    Layers without a bias cannot take up a shift and are left out; so are the norms of
    expansions, unless ``blocks`` names where to adapt.
    """
    return {
        name: module.bias.numel()
        for name, module in sites(segmenter, combination, kinds, blocks)
        if module.bias is not None and (blocks is not None or not is_expansion(segmenter, name))
    }


def affordable_sites(
    segmenter: Segmenter,
    combination: ModalitySet,
    per_channel: int,
    kinds: tuple[type[nn.Module], ...] = LAYERS,
    reserved: int = 0,
) -> dict[str, int]:
    """Return what :func:`scaled_sites` does, and the norms of expansions that 1 % allows as well.

    Those of the deepest layers come first, of all encoders together.

    Args:
        per_channel: parameters that a channel costs.
        reserved: parameters that are spent on something else.
    """
    first = scaled_sites(segmenter, combination, None, kinds)
    left = below_one_percent(segmenter) - reserved - per_channel * sum(first.values())
    widths = scaled_sites(segmenter, combination, ('encoders',), kinds)
    cost = {site: per_channel * width for site, width in widths.items() if site not in first}
    more = affordable(deepest_first(cost), cost, left)
    return first | {site: widths[site] for site in more}


def scaled(weight: Tensor, gamma: Tensor) -> Tensor:
    """Scale the output channels, the first axis of ``weight``, by (C,) ``gamma``."""
    return gamma.reshape(-1, *[1] * (weight.ndim - 1)) * weight


def is_expansion(segmenter: Segmenter, norm: str) -> bool:
    """Tell whether ``norm`` follows an encoder's 1x1 convolution that adds channels."""
    parent, _, index = norm.rpartition('.')
    layers = segmenter.get_submodule(parent)
    if not (norm.startswith('encoders.') and isinstance(layers, nn.Sequential)):
        return False
    before = layers[int(index) - 1] if int(index) else None
    return (
        isinstance(before, nn.Conv2d)
        and before.kernel_size == (1, 1)
        and before.out_channels > before.in_channels
    )
