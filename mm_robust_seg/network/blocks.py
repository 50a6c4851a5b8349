# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Convolution blocks that backbones, fusion and decoder share."""

from __future__ import annotations

from torch import nn, Tensor

BATCH_NORM_EPS = 1e-3


def conv_norm(
    channels_in: int,
    channels_out: int,
    kernel_px: int = 1,
    stride: int = 1,
    groups: int = 1,
    activate: bool = True,
) -> nn.Sequential:
    """Build convolution, batch norm and (unless told otherwise) ReLU6."""
    padding = kernel_px // 2
    layers: list[nn.Module] = [
        nn.Conv2d(
            channels_in, channels_out, kernel_px, stride, padding, groups=groups, bias=False
        ),
        nn.BatchNorm2d(channels_out, eps=BATCH_NORM_EPS),
    ]
    return nn.Sequential(*layers, *([nn.ReLU6(inplace=True)] if activate else []))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project linearly; names as in torchvision.

    Of MobileNetV2 (Sandler et al., CVPR 2018; arXiv 1801.04381).
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        stride: int,
        expansion: int,
        kernel_px: int = 3,
    ) -> None:
        super().__init__()
        hidden = channels_in * expansion
        expand = [] if expansion == 1 else [conv_norm(channels_in, hidden)]
        self.conv = nn.Sequential(
            *expand,
            conv_norm(hidden, hidden, kernel_px, stride, groups=hidden),
            *conv_norm(hidden, channels_out, activate=False),
        )
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C', h / stride, w / stride)."""
        return x + self.conv(x) if self.residual else self.conv(x)
