# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Fuse any set of modalities; no order, no trunk, nothing executed for the absent ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.network.blocks import conv_norm
from mm_robust_seg.network.validity import Shares

CLOSED = -1e4
"""In place of a gate, or added to it: the weight is then exactly 0."""


class GatedFusion(nn.Module):
    """Per pixel, weigh the present modalities by a softmax over their gates and add them.

    Each modality is projected to ``channels_out``; a 1x1 convolution of the projection gives its
    gate. With one modality left the weight is 1 and the gate disappears from the graph. Where it
    is known which pixels are valid, weights are ``v_m exp(g_m) / sum of v_k exp(g_k)``: what is
    invalid has none, and where nothing is valid the fused feature is 0.
    """

    def __init__(
        self, channels_in: int, channels_out: int, modalities: ModalitySet = COMPLETE
    ) -> None:
        super().__init__()
        names = [m.value for m in modalities]
        self.project = nn.ModuleDict(
            {name: conv_norm(channels_in, channels_out, activate=False) for name in names}
        )
        self.gate = nn.ModuleDict({name: nn.Conv2d(channels_out, 1, 1) for name in names})

    def forward(self, features: Mapping[Modality, Tensor], shares: Shares | None = None) -> Tensor:
        """Fuse (N, C, h, w) features of the present modalities to (N, channels_out, h, w)."""
        return self.blend(self.projected(features), shares=shares)

    def projected(self, features: Mapping[Modality, Tensor]) -> dict[Modality, Tensor]:
        """Project (N, C, h, w) features to (N, channels_out, h, w) each."""
        return {m: self.project[m.value](features[m]) for m in ModalitySet(features)}

    def blend(
        self,
        projected: Mapping[Modality, Tensor],
        presence: Tensor | None = None,
        shares: Shares | None = None,
    ) -> Tensor:
        """Add projections by their gates and rectify: (N, channels_out, h, w).

        Args:
            projected: (N, channels_out, h, w) of each present modality.
            presence: (1, modalities, 1, 1), added to the gates.
            shares: of the pixels that are valid; None: all are.
        """
        present = ModalitySet(projected)
        values = [projected[m] for m in present]
        if len(values) == 1:
            alone = torch.relu(values[0])
            return alone if shares is None else alone * _is_valid(shares, present)
        gates = [self.gate[m.value](x) for m, x in zip(present, values, strict=True)]
        joined = torch.cat(gates, dim=1)
        if presence is not None:
            joined = joined + presence
        weights = _weights(joined, shares, present)
        fused = values[0] * weights[:, 0:1]
        for index in range(1, len(values)):
            fused = fused + values[index] * weights[:, index : index + 1]
        return torch.relu(fused)


def _weights(gates: Tensor, shares: Shares | None, present: ModalitySet) -> Tensor:
    """Return (N, modalities, h, w) weights: 0 where a modality is invalid, their sum 1 or 0."""
    if shares is None:
        return torch.softmax(gates, dim=1)
    valid = torch.cat([shares[m] for m in present], dim=1)
    open_ones = torch.softmax(torch.where(valid > 0, gates, CLOSED), dim=1)
    weighted = open_ones * valid
    total = weighted.sum(1, keepdim=True)
    return weighted / torch.where(total > 0, total, 1.0)


def _is_valid(shares: Shares, present: ModalitySet) -> Tensor:
    (only,) = present
    return (shares[only] > 0).float()
