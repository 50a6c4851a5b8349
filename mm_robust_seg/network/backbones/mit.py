# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Mix Transformer, the encoder of SegFormer (Xie et al., NeurIPS 2021; arXiv 2105.15203).

Feature maps are (N, h, w, C) inside a stage, so that linear layers and layer norms work on them
as they are. The paper's stochastic depth is left out: it would be a second source of chance.
"""

from __future__ import annotations

from collections.abc import Mapping
import math
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.network.backbones.mit_weights import read_published

# (channels of the stages, blocks of the stages): table 6
SIZES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = MappingProxyType(
    {
        'mit_b0': ((32, 64, 160, 256), (2, 2, 2, 2)),
        'mit_b1': ((64, 128, 320, 512), (2, 2, 2, 2)),
        'mit_b2': ((64, 128, 320, 512), (3, 4, 6, 3)),
    }
)
_HEADS = (1, 2, 5, 8)
_REDUCTIONS = (8, 4, 2, 1)
_KERNELS_PX, _STRIDES = (7, 3, 3, 3), (4, 2, 2, 2)
_EXPANSION = 4
NORM_EPS = 1e-6


class PatchEmbedding(nn.Module):
    """Overlapping patches: a strided convolution and a layer norm."""

    def __init__(self, channels_in: int, channels_out: int, kernel_px: int, stride: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels_in, channels_out, kernel_px, stride, kernel_px // 2)
        self.norm = nn.LayerNorm(channels_out)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, h / stride, w / stride, C')."""
        return self.norm(_channels_last(self.project(image)))


class Attention(nn.Module):
    """Self-attention whose keys and values come from a map that is ``reduction`` times smaller.

    A *prefix* of learned keys and values can be given to the module by replacing its two buffers.
    The queries attend to it in a softmax of its own and the result is added, as in LLaMA-Adapter
    (arXiv 2303.16199, equation 6), so that a prefix with values of zero changes nothing. Without
    one the buffers have no rows, and no operator is executed for them.

    Attributes:
        prefix_key, prefix_value: (rows, C), the channels by head as in ``key_value``'s output.
    """

    prefix_key: Tensor
    prefix_value: Tensor

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.channels, self.heads = channels, heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(channels, channels)
        self.reduce: nn.Module | None = None
        if reduction > 1:
            self.reduce = nn.Conv2d(channels, channels, reduction, reduction)
            self.norm = nn.LayerNorm(channels)
        self.register_buffer('prefix_key', torch.zeros(0, channels), persistent=False)
        self.register_buffer('prefix_value', torch.zeros(0, channels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, h, w, C) to the same shape."""
        query = self._by_head(self.query(x).flatten(1, 2))
        context = x
        if self.reduce is not None:
            context = self.norm(_channels_last(self.reduce(_channels_first(x))))
        key, value = self.key_value(context).flatten(1, 2).chunk(2, -1)
        attended = functional.scaled_dot_product_attention(
            query, self._by_head(key), self._by_head(value)
        )
        if len(self.prefix_key):
            attended = attended + functional.scaled_dot_product_attention(
                query, self._prefix(self.prefix_key, query), self._prefix(self.prefix_value, query)
            )
        return self.project(attended.transpose(1, 2).reshape(x.shape))

    def _by_head(self, tokens: Tensor) -> Tensor:
        """Map (N, L, C) to (N, heads, L, C / heads)."""
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _prefix(self, rows: Tensor, query: Tensor) -> Tensor:
        prefix = self._by_head(rows.to(query.dtype)[None])
        return prefix.expand(len(query), -1, -1, -1)


class MixFFN(nn.Module):
    """Two linear layers with a depthwise 3x3 between them, which tells where a token is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = _EXPANSION * channels
        self.expand = nn.Linear(channels, hidden)
        self.filter = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.contract = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, h, w, C) to the same shape."""
        filtered = self.filter(_channels_first(self.expand(x)))
        return self.contract(functional.gelu(_channels_last(filtered)))


class Block(nn.Module):
    """Attention and Mix-FFN, each behind a norm and beside a shortcut."""

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.attention = Attention(channels, heads, reduction)
        self.norm2 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.mix = MixFFN(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, h, w, C) to the same shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.mix(self.norm2(x))


class Stage(nn.Module):
    """Everything at one resolution."""

    def __init__(self, level: int, channels_in: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.embed = PatchEmbedding(channels_in, channels, _KERNELS_PX[level], _STRIDES[level])
        self.blocks = nn.ModuleList(
            Block(channels, _HEADS[level], _REDUCTIONS[level]) for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(channels, eps=NORM_EPS)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C', h / stride, w / stride)."""
        x = self.embed(image)
        for block in self.blocks:
            x = block(x)
        return _channels_first(self.norm(x))


class MixTransformer(nn.Module):
    """The encoder without the classifier: (N, C, h, w) to four features at strides 4 to 32.

    NVIDIA's weights for it are for research and evaluation only, not for commercial use; none
    come with this package, and what is trained from them inherits their terms.
    """

    def __init__(self, size: str, channels_in: int) -> None:
        super().__init__()
        self.size = size
        self.channels, blocks = SIZES[size]
        widths_in = (channels_in, *self.channels)
        self.stages = nn.ModuleList(
            Stage(level, widths_in[level], self.channels[level], blocks[level])
            for level in range(len(blocks))
        )
        self.apply(_initialize)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the pyramid, the finest feature first."""
        pyramid = []
        for stage in self.stages:
            x = stage(x)
            pyramid.append(x)
        return pyramid

    def load_pretrained(self, path: Path) -> None:
        """Start from an .npz or .safetensors of published RGB weights, under either naming.

        For another number of input channels the first convolution takes the mean over the
        colours, scaled so that its response keeps its size.

        Raises:
            TrainingError: if the file cannot be read or is of another architecture.
        """
        self.load_state_dict(read_published(path, self.state_dict(), self.size))


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def _initialize(module: nn.Module) -> None:
    """Start as the authors do: small linear layers, convolutions by their fan-out."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.weight[:, 0].numel() // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.zeros_(module.bias)
