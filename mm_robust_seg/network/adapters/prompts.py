# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Missing-aware prompts (Lee et al., CVPR 2023; arXiv 2303.03369) for convolutional encoders.

A transformer is told which sensors are missing by learned tokens in six of its blocks, the same
for every place in the image, and its classifier is trained with them. Here as many blocks of every
remaining encoder are told by a learned vector, added to their output; or a learned map enters one
convolution beside the features. (A map added to the stem's features alone, behind a frozen
classifier, did next to nothing: a map belongs to places, which random windows move, and what is
said once at the stem is forgotten.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from mm_robust_seg.network.adapters.head import TrainedHead
from mm_robust_seg.network.adapters.placement import blocks_of
from mm_robust_seg.network.segmenter import Segmenter

GRID = (12, 16)
"""Rows and columns of a prompt map."""
PROMPT_CHANNELS = 16
"""Of a concatenated prompt."""
PROMPTED_BLOCKS = 6


class ChannelPrompts(Adapter):
    """A learned vector, zero at the start, on the output of six blocks of each encoder.

    It is added to the bias of the block's last layer, so it folds. The six are spread evenly
    over the depth, the last block among them. The classifier is trained too. In ``blocks``, if
    given, every block of an encoder has a prompt.
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        self.head = TrainedHead(segmenter, blocks)
        found: list[str] = []
        for modality in combination:
            ends = _block_ends(segmenter, f'encoders.{modality}')
            chosen = evenly_deep(ends) if blocks is None else ends
            found.extend(end for end in chosen if is_within(end, blocks))
        self.sites = tuple(found)
        widths = {site: segmenter.get_parameter(f'{site}.bias').numel() for site in found}
        self.prompt = nn.ParameterDict({key_of(s): torch.zeros(w) for s, w in widths.items()})

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Add the prompts to the biases."""
        biases = {f'{s}.bias': base[f'{s}.bias'] + self.prompt[key_of(s)] for s in self.sites}
        return biases | self.head.overrides(base)


def evenly_deep(names: Sequence[str]) -> list[str]:
    """Return ``PROMPTED_BLOCKS`` of the names in their order, evenly spaced, the last included."""
    count = min(PROMPTED_BLOCKS, len(names))
    return [names[len(names) * (number + 1) // count - 1] for number in range(count)]


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


class ConcatenatedPrompts(Adapter):
    """A map beside the features that enter one convolution of each remaining encoder.

    The classifier is trained too.

    Raises:
        ConfigError: if an encoder has no such convolution.
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        self.head, self.maps = TrainedHead(segmenter, blocks), nn.ModuleDict()
        for modality in combination:
            name, channels = first_pointwise(segmenter, f'encoders.{modality}')
            if is_within(name, blocks):
                self.maps[key_of(name)] = ConcatenatedMap(channels)

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put the classifier in place."""
        return self.head.overrides(base)

    def hooks(self) -> dict[str, Hook]:
        """Let the maps enter."""
        return {key.replace('/', '.'): module for key, module in self.maps.items()}


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


def _block_ends(segmenter: Segmenter, encoder: str) -> list[str]:
    """Name the last layer with a bias in every block of an encoder, in its order."""
    ends = []
    for block in blocks_of(segmenter):
        layers = segmenter.get_submodule(block).named_modules(prefix=block)
        biased = [n for n, m in layers if isinstance(getattr(m, 'bias', None), nn.Parameter)]
        if is_within(block, (encoder,)) and biased:
            ends.append(biased[-1])
    return ends


def _convolutions(segmenter: Segmenter, root: str) -> list[tuple[str, nn.Conv2d]]:
    modules = segmenter.get_submodule(root).named_modules(prefix=root)
    return [(name, module) for name, module in modules if isinstance(module, nn.Conv2d)]


def _enlarged(prompt: Tensor, features: Tensor) -> Tensor:
    size = features.shape[-2:]
    return functional.interpolate(prompt.to(features.dtype), size, mode='bilinear')
