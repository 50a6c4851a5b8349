# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A light top-down decoder: add the coarser level, filter, repeat (FPN, arXiv 1612.03144)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.network.blocks import conv_norm


def separable(channels: int) -> nn.Sequential:
    """Build a depthwise 3x3 and a pointwise convolution, each with norm and ReLU6."""
    return nn.Sequential(
        conv_norm(channels, channels, 3, groups=channels), conv_norm(channels, channels)
    )


class SumDecoder(nn.Module):
    """Turn four fused levels of equal width into logits at the finest level's size."""

    def __init__(self, channels: int, class_count: int, levels: int = 4) -> None:
        super().__init__()
        self.context = conv_norm(channels, channels)
        self.smooth = nn.ModuleList(separable(channels) for _ in range(levels))
        self.refine = separable(channels)
        self.classify = nn.Conv2d(channels, class_count, 1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Map (N, C, h_i, w_i), the finest first, to (N, classes, h_0, w_0) logits."""
        coarsest = levels[-1]
        x = coarsest + self.context(coarsest.mean((2, 3), keepdim=True))
        x = self.smooth[-1](x)
        for index in range(len(levels) - 2, -1, -1):
            size = levels[index].shape[-2:]
            x = levels[index] + functional.interpolate(x, size, mode='bilinear')
            x = self.smooth[index](x)
        return self.classify(self.refine(x))
