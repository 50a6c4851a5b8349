# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A decoder of its own for every combination, and scale and shift before it.

With sensors gone the decoder is given other features than it was trained on, and it is small: of a
network for three sensors 1.0 to 1.2 %. So it can be copied and trained on, with the encoders' work
left as it is. Only tensors are replaced: it folds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, is_within, key_of
from mm_robust_seg.network.adapters.placement import (
    affordable,
    below_one_percent,
    blocks_of,
    deepest_first,
)
from mm_robust_seg.network.adapters.ssf import NORMS, scaled_sites, ScaleShift
from mm_robust_seg.network.segmenter import Segmenter

FROM_THE_END = ('decoder.classify', 'decoder.refine', 'decoder.smooth', 'decoder.context')


class PrivateDecoder(Adapter):
    """A copy of the decoder's parameters, and :class:`ScaleShift`, in under 1 %.

    The decoder is copied from its end on, its context layer last. What is left of 1 % goes to the
    norms of the decoder that are not copied, the whole fusion, and the encoders from the deepest
    layers on, expansions last. In ``blocks``, if given, all of the decoder is copied, and
    everything else scaled and shifted.
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        if blocks is None:
            parts, scaled = _spend(segmenter, combination)
        else:
            parts = tuple(part for part in _parts(segmenter) if is_within(part, blocks))
            scaled = tuple(_outside(scaled_sites(segmenter, combination, blocks), parts))
        copied = {k: v for k, v in segmenter.named_parameters() if is_within(k, parts)}
        self.copies = tuple(copied)
        self.own = nn.ParameterDict({key_of(k): v.detach().clone() for k, v in copied.items()})
        self.scale_shift = ScaleShift(segmenter, combination, scaled)
        self.norms = (
            *(name for name, module in segmenter.named_modules() if _is_norm(name, module, parts)),
            *self.scale_shift.norms,
        )

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put the copies in place, and scale and shift the rest."""
        return self.scale_shift.overrides(base) | {k: self.own[key_of(k)] for k in self.copies}

    def rescale(self, norm: str, gamma: Tensor, beta: Tensor) -> None:
        """Scale and shift the output of one of ``norms``; a copied one has them built in."""
        if f'{norm}.weight' not in self.copies:
            self.scale_shift.rescale(norm, gamma, beta)
            return
        weight, bias = (self.own[key_of(f'{norm}.{leaf}')] for leaf in ('weight', 'bias'))
        with torch.no_grad():
            weight.mul_(gamma)
            bias.mul_(gamma).add_(beta)

    def before_decoder(self) -> list[nn.Parameter]:
        """Return the parameters that change what the decoder is given."""
        named = self.scale_shift.named_parameters()
        return [p for name, p in named if not name.partition('.')[2].startswith('decoder/')]


def _spend(
    segmenter: Segmenter, combination: ModalitySet
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose the parts of the decoder that are copied, and what is scaled and shifted."""
    size = {
        part: sum(p.numel() for p in segmenter.get_submodule(part).parameters())
        for part in _parts(segmenter)
    }
    parts = affordable(((part,) for part in size), size, below_one_percent(segmenter))
    left = below_one_percent(segmenter) - sum(size[part] for part in parts)
    cheap = scaled_sites(segmenter, combination, None)
    every = scaled_sites(segmenter, combination, ('encoders', 'fusion', 'decoder'))
    cost = {site: 2 * width for site, width in every.items()}
    encoders = [site for site in every if site.startswith('encoders.')]
    groups = chain(
        ((site,) for site in _outside(every, parts) if site.startswith('decoder.')),
        [tuple(site for site in every if site.startswith('fusion.'))],
        deepest_first(site for site in encoders if site in cheap),
        deepest_first(site for site in encoders if site not in cheap),
    )
    return parts, affordable(groups, cost, left)


def _parts(segmenter: Segmenter) -> tuple[str, ...]:
    """Name the parts of the decoder from its end on."""
    blocks = blocks_of(segmenter)
    return tuple(b for end in FROM_THE_END for b in blocks if is_within(b, (end,)))


def _outside(names: Collection[str], parts: Collection[str]) -> Iterator[str]:
    return (name for name in names if not is_within(name, parts))


def _is_norm(name: str, module: nn.Module, parts: Collection[str]) -> bool:
    return isinstance(module, NORMS) and is_within(name, parts)
