"""What a backbone is, and which there are."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from torch import nn, Tensor

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.network.backbones.mit import MixTransformer, SIZES
from mm_robust_seg.network.backbones.mobilenetv2 import MobileNetV2

BACKBONES = ('mobilenetv2', *SIZES)


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
        ConfigError: if there is none of that name.
    """
    if name == 'mobilenetv2':
        return MobileNetV2(channels_in)
    if name in SIZES:
        return MixTransformer(name, channels_in)
    raise ConfigError(f'there is no backbone {name!r}: expected one of {", ".join(BACKBONES)}')
