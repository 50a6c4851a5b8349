# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a backbone is, and which there are."""

from __future__ import annotations

from pathlib import Path
from typing import cast, Protocol

from torch import nn, Tensor

from mm_robust_seg import plugins
from mm_robust_seg.network.backbones import BACKBONES
from mm_robust_seg.network.backbones.efficientnet_lite import EfficientNetLite
from mm_robust_seg.network.backbones.mit import MixTransformer
from mm_robust_seg.network.backbones.mobilenetv2 import MobileNetV2


class Backbone(Protocol):
    """An encoder of one modality; an ``nn.Module``.

    Attributes:
        channels: width of the four features, at strides 4, 8, 16 and 32.
    """

    channels: tuple[int, ...]

    def __call__(self, x: Tensor) -> list[Tensor]:
        """Map (N, C, h, w) to the four features, the finest first."""

    def load_pretrained(self, path: Path) -> None:
        """Start from published RGB weights.

        Raises:
            TrainingError: if the file cannot be read or is of another architecture.
        """


def build_backbone(name: str, channels_in: int) -> nn.Module:
    """Build a :class:`Backbone` for images of ``channels_in`` channels.

    Raises:
        PluginError: if there is none of that name, or two, or its package cannot be imported.
    """
    if plugin := plugins.NETWORKS.find(name, BACKBONES):
        return cast(nn.Module, plugin(channels_in))
    if name == 'mobilenetv2':
        return MobileNetV2(channels_in)
    if name.startswith('efficientnet_lite'):
        return EfficientNetLite(name, channels_in)
    return MixTransformer(name, channels_in)
