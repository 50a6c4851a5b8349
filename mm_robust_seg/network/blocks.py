"""Convolution blocks that backbones, fusion and decoder share."""

from __future__ import annotations

from torch import nn

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
