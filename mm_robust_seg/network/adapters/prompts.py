"""Missing-aware prompts (Lee et al., CVPR 2023; arXiv 2303.03369) for convolutional encoders.

A transformer is told which sensors are missing by learned tokens. Here the stem's features of
every remaining encoder are told by a learned map, one per combination: added to them, or
concatenated with them. The maps are coarse and enlarged to whatever size the features have.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

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


class PromptMaps(Adapter):
    """A learned map for each remaining encoder.

    Args:
        place: names the module, by (segmenter, name of the encoder), behind which a map enters,
            and how many channels that gives.
        make_map: makes a map for so many channels.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        combination: ModalitySet,
        blocks: Blocks = None,
        *,
        place: Callable[[Segmenter, str], tuple[str, int]],
        make_map: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        self.maps = nn.ModuleDict()
        for modality in combination:
            name, channels = place(segmenter, f'encoders.{modality}')
            if is_within(name, blocks):
                self.maps[key_of(name)] = make_map(channels)

    def hooks(self) -> dict[str, Hook]:
        """Let the maps enter."""
        return {key.replace('/', '.'): module for key, module in self.maps.items()}


def stem(segmenter: Segmenter, encoder: str) -> tuple[str, int]:
    """Return name and channels of an encoder's stem."""
    name, convolution = _convolutions(segmenter, encoder)[0]
    parent = name.rpartition('.')[0]
    is_whole = isinstance(segmenter.get_submodule(parent), nn.Sequential)
    return parent if is_whole else name, convolution.out_channels


def first_pointwise(segmenter: Segmenter, encoder: str) -> tuple[str, int]:
    """Return name and channels of the first 1x1 convolution behind the stem.

    The depthwise convolution before that filters every channel on its own: it would only turn the
    map's channels into others.

    Raises:
        ConfigError: if the encoder has none.
    """
    for name, convolution in _convolutions(segmenter, encoder)[1:]:
        if convolution.kernel_size == (1, 1) and convolution.groups == 1:
            return name, convolution.out_channels
    raise ConfigError(
        f'{encoder} ({segmenter.backbone}) has no 1x1 convolution that a prompt could enter: use '
        'prompt_add, or prompt tokens on a transformer'
    )


prompt_add = partial(PromptMaps, place=stem, make_map=AddedMap)
prompt_concat = partial(PromptMaps, place=first_pointwise, make_map=ConcatenatedMap)


def _convolutions(segmenter: Segmenter, root: str) -> list[tuple[str, nn.Conv2d]]:
    modules = segmenter.get_submodule(root).named_modules(prefix=root)
    return [(name, module) for name, module in modules if isinstance(module, nn.Conv2d)]


def _enlarged(prompt: Tensor, features: Tensor) -> Tensor:
    size = features.shape[-2:]
    return functional.interpolate(prompt.to(features.dtype), size, mode='bilinear')
