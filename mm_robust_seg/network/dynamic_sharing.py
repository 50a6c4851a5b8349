# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Dynamic Sharing: one network, run once per modality (Wang et al., AAAI 2024; arXiv 2402.16318).

Convolutions are shared; each modality has its own first convolution, since it has its own number
of channels, and its own norms. The logits of the modalities that are there are averaged, so any
combination is served and none needs weights of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
import copy

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.network.validity import by_level, mean_of_valid, of_image, Shares

_NORMS = (nn.BatchNorm2d, nn.LayerNorm)


class Private(nn.Module):
    """A layer of which each modality has its own.

    Attributes:
        chosen: the modality whose layer runs.
    """

    def __init__(self, layers: Mapping[Modality, nn.Module]) -> None:
        super().__init__()
        self.own = nn.ModuleDict({m.value: copy.deepcopy(x) for m, x in layers.items()})
        self.chosen = next(iter(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Run the chosen layer."""
        return self.own[self.chosen.value](x)


class DynamicSharing(nn.Module):
    """A network of one encoder and one decoder that starts from a segmenter's weights.

    The first modality, RGB where there is one, gives the shared layers; norms and stems are each
    modality's own.

    Attributes:
        modalities: the complete input; any non-empty subset of it can be segmented.
        validity: whether the last channel of every input says which pixels are valid.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        self.modalities, self.validity = segmenter.modalities, segmenter.validity
        encoders = {m: segmenter.encoders[m.value] for m in self.modalities}
        projections = {
            m: nn.ModuleList(level.project[m.value] for level in segmenter.fusion)
            for m in self.modalities
        }
        stem = _first_convolution(next(iter(encoders.values())))
        self.encoders = _shared(encoders, [stem])
        self.project = _shared(projections)
        self.decoder = _shared(dict.fromkeys(self.modalities, segmenter.decoder))

    def forward(self, inputs: Mapping[Modality, Tensor]) -> Tensor:
        """Map (N, C_m, h, w) per modality to (N, classes, h / 4, w / 4) logits."""
        logits = {m: self.unimodal(m, inputs[m]) for m in ModalitySet(inputs)}
        return mean_logits(logits, self.shares(inputs))

    def shares(self, inputs: Mapping[Modality, Tensor]) -> Shares | None:
        """Return which share of the pixels of each logit is valid; None without validity."""
        if not self.validity:
            return None
        return by_level({m: of_image(image) for m, image in inputs.items()})[0]

    def unimodal(self, modality: Modality, image: Tensor) -> Tensor:
        """Map (N, C_m, h, w) to the logits of this modality alone."""
        for layer in self.modules():
            if isinstance(layer, Private):
                layer.chosen = modality
        levels = zip(self.project, self.encoders(image), strict=True)
        return self.decoder([torch.relu(project(x)) for project, x in levels])


def mean_logits(logits: Mapping[Modality, Tensor], shares: Shares | None) -> Tensor:
    """Average logits by what is valid at their place, or in the whole image where nothing is.

    Args:
        shares: of at least these modalities; None: all are valid everywhere.
    """
    mean = mean_of_valid(logits, shares)
    if shares is None:
        return mean
    seen = torch.stack([shares[m] for m in logits]).sum(0) > 0
    overall = {m: shares[m].mean((2, 3), keepdim=True) for m in logits}
    return torch.where(seen, mean, mean_of_valid(logits, overall))


def _shared(parts: Mapping[Modality, nn.Module], private: Collection[str] = ()) -> nn.Module:
    """Copy the first part, with its norms and the modules named ``private`` in Private ones."""
    shared = copy.deepcopy(next(iter(parts.values())))
    for name, module in list(shared.named_modules()):
        if name in private or isinstance(module, _NORMS):
            owner, _, leaf = name.rpartition('.')
            own = Private({m: part.get_submodule(name) for m, part in parts.items()})
            setattr(shared.get_submodule(owner), leaf, own)
    return shared


def _first_convolution(encoder: nn.Module) -> str:
    return next(n for n, module in encoder.named_modules() if isinstance(module, nn.Conv2d))
