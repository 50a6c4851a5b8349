# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The adapters by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from mm_robust_seg.network.adapters.bitfit import BitFit
from mm_robust_seg.network.adapters.combined import Combined
from mm_robust_seg.network.adapters.lora import LowRank
from mm_robust_seg.network.adapters.norm import NormAffine
from mm_robust_seg.network.adapters.placement import MakeAdapter
from mm_robust_seg.network.adapters.private_decoder import PrivateDecoder
from mm_robust_seg.network.adapters.prompt_tokens import PromptAttention, PromptInput
from mm_robust_seg.network.adapters.prompts import ChannelPrompts, ConcatenatedPrompts
from mm_robust_seg.network.adapters.ssf import ScaleShift

ADAPTERS: Mapping[str, MakeAdapter] = MappingProxyType(
    {
        'ssf': ScaleShift,
        'scale': partial(ScaleShift, shifts=False),
        'shift': partial(ScaleShift, scales=False),
        'norm': NormAffine,
        'bitfit': BitFit,
        'lora': LowRank,
        'prompt_add': ChannelPrompts,
        'prompt_concat': ConcatenatedPrompts,
        'prompt_input': PromptInput,
        'prompt_attention': PromptAttention,
        'combined': Combined,
        'private_decoder': PrivateDecoder,
    }
)
