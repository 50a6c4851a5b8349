# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Missing-aware prompts (Lee et al., CVPR 2023; arXiv 2303.03369) for transformer encoders.

Learned tokens tell the blocks of every remaining encoder which sensors are missing, and the
classifier is trained with them. Two things differ from the publication. The prompt has a softmax
of its own whose result is added, zero at the start, so that a new adapter changes nothing; tokens
in the common softmax would draw attention to themselves from the first step. And all blocks have
prompts, not the first half: where resolution falls with depth, the first half has a fifth of the
channels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, key_of, sites
from mm_robust_seg.network.adapters.head import TrainedHead
from mm_robust_seg.network.backbones.mit import Attention, NORM_EPS, SIZES
from mm_robust_seg.network.segmenter import Segmenter

TOKENS = 16
PREFIX_ROWS = 8
_START = 0.02


class PromptAttention(Adapter):
    """Attention level: 8 learned keys and 8 learned values in every block.

    The values are zero at the start.

    Raises:
        ConfigError: if the encoders are no transformers.
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        found = _attentions(segmenter, combination, blocks)
        self.head = TrainedHead(segmenter, blocks)
        self.sites = tuple(found)
        self.key, self.value = nn.ParameterDict(), nn.ParameterDict()
        for site, attention in found.items():
            shape = (PREFIX_ROWS, attention.channels)
            self.key[key_of(site)] = nn.Parameter(torch.randn(shape))
            self.value[key_of(site)] = nn.Parameter(torch.zeros(shape))

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put keys and values into the attention's prefix."""
        keys = {f'{site}.prefix_key': self.key[key_of(site)] for site in self.sites}
        values = {f'{site}.prefix_value': self.value[key_of(site)] for site in self.sites}
        return keys | values | self.head.overrides(base)


class PromptInput(Adapter):
    """Input level: 16 learned tokens join the sequence of every block.

    A block's tokens are dropped behind it, as in VPT-deep (arXiv 2203.12119): the next patch
    embedding needs an image. They are then of effect as keys and values alone, which do not depend
    on the image: the block's own norm and projection of the tokens, a prefix. So they pass neither
    the convolution that reduces keys and values nor the depthwise one, and cost nothing but the
    longer attention. A gate per head, zero at the start, scales the values.

    Raises:
        ConfigError: if the encoders are no transformers.
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        found = _attentions(segmenter, combination, blocks)
        self.head = TrainedHead(segmenter, blocks)
        self.sites = tuple(found)
        self.tokens, self.gate = nn.ParameterDict(), nn.ParameterDict()
        for site, attention in found.items():
            tokens = torch.randn(TOKENS, attention.channels) * _START
            self.tokens[key_of(site)] = nn.Parameter(tokens)
            self.gate[key_of(site)] = nn.Parameter(torch.zeros(attention.heads))

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Turn the tokens into keys and values as their block would."""
        changed = self.head.overrides(base)
        for site in self.sites:
            tokens, gate = self.tokens[key_of(site)], self.gate[key_of(site)]
            norm = f'{site.rpartition(".")[0]}.norm1'
            x = functional.layer_norm(
                tokens, tokens.shape[1:], base[f'{norm}.weight'], base[f'{norm}.bias'], NORM_EPS
            )
            weight, bias = base[f'{site}.key_value.weight'], base[f'{site}.key_value.bias']
            key, value = functional.linear(x, weight, bias).chunk(2, -1)
            per_channel = gate.repeat_interleave(key.shape[1] // len(gate))
            changed[f'{site}.prefix_key'] = key
            changed[f'{site}.prefix_value'] = per_channel * value
        return changed


def _attentions(
    segmenter: Segmenter, combination: ModalitySet, blocks: Blocks
) -> dict[str, Attention]:
    if segmenter.backbone not in SIZES:
        raise ConfigError(
            f'prompt tokens need a transformer, the encoders are {segmenter.backbone}: use the '
            f'backbone {", ".join(SIZES)}, or prompt_add or prompt_concat'
        )
    return dict(sites(segmenter, combination, (Attention,), blocks))
