# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""MobileNetV2 as a feature pyramid (Sandler et al., CVPR 2018; arXiv 1801.04381, table 2)."""

from __future__ import annotations

from pathlib import Path

from torch import nn, Tensor

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.network.backbones.pretrained import for_channels, read_weights
from mm_robust_seg.network.blocks import conv_norm, InvertedResidual

# (expansion, channels, blocks, stride of the first block)
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_PYRAMID = {3: 24, 6: 32, 13: 96, 17: 320}


class MobileNetV2(nn.Module):
    """Width 1.0, without the classifier: (N, C, h, w) to four features.

    The features have 24, 32, 96 and 320 channels at strides 4, 8, 16 and 32.
    """

    channels = tuple(_PYRAMID.values())

    def __init__(self, channels_in: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm(channels_in, 32, 3, stride=2)]
        width = 32
        for expansion, channels, blocks, stride in _STAGES:
            for index in range(blocks):
                layers.append(
                    InvertedResidual(width, channels, stride if index == 0 else 1, expansion)
                )
                width = channels
        self.features = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the pyramid, the finest feature first."""
        pyramid = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in _PYRAMID:
                pyramid.append(x)
        return pyramid

    def load_pretrained(self, path: Path) -> None:
        """Start from an .npz or .safetensors of RGB weights with torchvision's names.

        For another number of input channels the first convolution takes the mean over the
        colours, scaled so that its response keeps its size.

        Raises:
            TrainingError: if the file cannot be read or is of another architecture.
        """
        weights = read_weights(path)
        own = self.state_dict()
        stem = 'features.0.0.weight'
        if stem in weights:
            weights[stem] = for_channels(weights[stem], own[stem].shape[1])
        wanted = {k: v for k, v in own.items() if not k.endswith('num_batches_tracked')}
        wrong = [k for k, v in wanted.items() if k not in weights or weights[k].shape != v.shape]
        if wrong:
            raise TrainingError(
                f'{path} is not a MobileNetV2 1.0: {len(wrong)} of {len(wanted)} tensors are '
                f'missing or of another shape, {wrong[0]} the first'
            )
        self.load_state_dict({k: weights[k] for k in wanted}, strict=False)
