"""Missing-aware prompts (Lee et al., CVPR 2023; arXiv 2303.03369) for convolutional encoders.

A transformer is told which sensors are missing by learned tokens. Here the stem's features of
every remaining encoder are told by a learned map, one per combination: added to them, or
concatenated with them. The maps are coarse and enlarged to whatever size the features have.
"""

from __future__ import annotations

import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import (
    Adapter,
    Blocks,
    Hook,
    is_within,
    key_of,
)
from mm_robust_seg.network.segmenter import Segmenter

GRID = (12, 16)
"""Rows and columns of a prompt map."""
PROMPT_CHANNELS = 16
"""Of a concatenated prompt."""


class AddedMap(nn.Module):
    """Add a learned map, zero at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.prompt = nn.Parameter(torch.zeros(1, channels, *GRID))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, h, w) to the same shape."""
        return features + _enlarged(self.prompt, features)


class ConcatenatedMap(nn.Module):
    """Let a learned map enter a 1x1 convolution beside its input.

    ``W [x; p] = W_x x + W_p p``: what the prompt's channels contribute is added to the output of
    the convolution, with a kernel of their own that is zero at the start.
    """

    def __init__(self, channels_out: int) -> None:
        super().__init__()
        self.prompt = nn.Parameter(torch.randn(1, PROMPT_CHANNELS, *GRID))
        self.kernel = nn.Parameter(torch.zeros(channels_out, PROMPT_CHANNELS, 1, 1))

    def forward(self, output: Tensor) -> Tensor:
        """Map the convolution's (N, C, h, w) output to the same shape."""
        prompt = _enlarged(self.prompt, output)
        return output + functional.conv2d(prompt, self.kernel.to(output.dtype))


class PromptAdd(Adapter):
    """A map added to the stem's features of each remaining encoder."""

    folds = False

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        self.maps = nn.ModuleDict()
        for modality in combination:
            root = f'encoders.{modality}'
            name, convolution = _convolutions(segmenter, root)[0]
            parent = name.rpartition('.')[0]
            whole = isinstance(segmenter.get_submodule(parent), nn.Sequential)
            stem = parent if whole else name
            if is_within(stem, blocks):
                self.maps[key_of(stem)] = AddedMap(convolution.out_channels)

    def hooks(self) -> dict[str, Hook]:
        """Add the maps behind the stems."""
        return {key.replace('/', '.'): module for key, module in self.maps.items()}


class PromptConcat(Adapter):
    """A map concatenated with the stem's features of each remaining encoder.

    It joins at the first 1x1 convolution behind the stem. The depthwise convolution before that
    filters every channel on its own: it would only turn the map's channels into others.

    Raises:
        ConfigError: if the encoder has no 1x1 convolution.
    """

    folds = False

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        self.maps = nn.ModuleDict()
        for modality in combination:
            root = f'encoders.{modality}'
            behind = _convolutions(segmenter, root)[1:]
            pointwise = [(n, c) for n, c in behind if c.kernel_size == (1, 1) and c.groups == 1]
            if not pointwise:
                raise ConfigError(
                    f'{root} ({segmenter.backbone}) has no 1x1 convolution that a prompt could '
                    'enter: use prompt_add, or prompt tokens on a transformer'
                )
            name, convolution = pointwise[0]
            if is_within(name, blocks):
                self.maps[key_of(name)] = ConcatenatedMap(convolution.out_channels)

    def hooks(self) -> dict[str, Hook]:
        """Let the maps enter the convolutions."""
        return {key.replace('/', '.'): module for key, module in self.maps.items()}


def _convolutions(segmenter: Segmenter, root: str) -> list[tuple[str, nn.Conv2d]]:
    modules = segmenter.get_submodule(root).named_modules(prefix=root)
    return [(name, module) for name, module in modules if isinstance(module, nn.Conv2d)]


def _enlarged(prompt: Tensor, features: Tensor) -> Tensor:
    size = features.shape[-2:]
    return functional.interpolate(prompt.to(features.dtype), size, mode='bilinear')
