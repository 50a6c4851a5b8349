# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Predict what a missing modality would have said (Kim & Kim, arXiv 2407.12616).

The predictions take the place of the missing projections in the gated fusion, at the three
coarser levels; the finest, where most of the computing is and least can be known, stays without.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.network.validity import mean_of_valid, Shares

FIRST_LEVEL = 1
"""The finest level that is predicted: stride 8."""

Levels = list[dict[Modality, Tensor]]
"""Per level, the finest first, (N, channels, h_i, w_i) projections by modality."""


class FeaturePredictor(nn.Module):
    """Predict the projections of absent modalities from those of the present ones.

    Every present modality is read by its own 1x1 convolution, the mean is rectified, and every
    absent modality is written by its own 1x1 convolution: one predictor for all combinations.
    """

    def __init__(self, channels: int, hidden: int, modalities: ModalitySet) -> None:
        super().__init__()
        self.modalities = modalities
        names = [m.value for m in modalities]
        self.read = nn.ModuleDict({name: nn.Conv2d(channels, hidden, 1) for name in names})
        self.write = nn.ModuleDict({name: nn.Conv2d(hidden, channels, 1) for name in names})

    def forward(
        self, projected: Mapping[Modality, Tensor], shares: Shares | None = None
    ) -> dict[Modality, Tensor]:
        """Map (N, channels, h, w) of the present modalities to as much of each absent one."""
        absent = self.modalities - ModalitySet(projected)
        if not absent:
            return {}
        read = mean_of_valid({m: self.read[m.value](x) for m, x in projected.items()}, shares)
        hidden = torch.relu(read)
        return {m: self.write[m.value](hidden) for m in absent}


class PredictiveSegmenter(Segmenter):
    """A copy of a segmenter that completes its projections before they are fused.

    Names and values of the copied state stay those of the original.
    """

    def __init__(self, segmenter: Segmenter, hidden: int) -> None:
        super().__init__(**segmenter.settings)
        channels = segmenter.channels
        self.load_state_dict(segmenter.state_dict())
        self.predictors = nn.ModuleList(
            FeaturePredictor(channels, hidden, segmenter.modalities)
            for _ in self.fusion[FIRST_LEVEL:]
        )

    def fuse(self, inputs: Mapping[Modality, Tensor]) -> list[Tensor]:
        """Return the fused features at strides 4, 8, 16 and 32, the absent ones predicted."""
        return self.blend(self.completed(inputs), inputs)

    def completed(self, inputs: Mapping[Modality, Tensor]) -> Levels:
        """Return the projections: computed for the present modalities, else predicted."""
        levels = projections(self, inputs)
        shares = self.shares(inputs)[FIRST_LEVEL:]
        for predictor, level, share in zip(
            self.predictors, levels[FIRST_LEVEL:], shares, strict=True
        ):
            level.update(predictor(level, share))
        return levels

    def blend(self, levels: Levels, inputs: Mapping[Modality, Tensor]) -> list[Tensor]:
        """Fuse every level; what is predicted is as valid as the best of ``inputs`` there."""
        return [
            fuse.blend(level, shares=_completed(share, level))
            for fuse, level, share in zip(self.fusion, levels, self.shares(inputs), strict=True)
        ]


def _completed(shares: Shares | None, level: Mapping[Modality, Tensor]) -> Shares | None:
    if shares is None:
        return None
    most = torch.stack(list(shares.values())).amax(0)
    return {m: shares.get(m, most) for m in level}


def projections(segmenter: Segmenter, inputs: Mapping[Modality, Tensor]) -> Levels:
    """Return what enters the gated fusion of ``segmenter``, by level and modality."""
    pyramids = {m: segmenter.encoders[m.value](inputs[m]) for m in ModalitySet(inputs)}
    return [
        fuse.projected({m: pyramid[level] for m, pyramid in pyramids.items()})
        for level, fuse in enumerate(segmenter.fusion)
    ]
