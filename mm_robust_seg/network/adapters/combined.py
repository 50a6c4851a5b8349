# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scale and shift everywhere, low-rank pairs where the sensors meet.

With a sensor gone, fusion and decoder see other features, and a change per channel cannot mix
channels anew; a low-rank pair can, at a cost that is small because these layers are narrow.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks
from mm_robust_seg.network.adapters.lora import LowRank, pair_size, paired_sites
from mm_robust_seg.network.adapters.placement import below_one_percent
from mm_robust_seg.network.adapters.ssf import affordable_sites, NORMS, ScaleShift
from mm_robust_seg.network.segmenter import Segmenter

MEETING = ('fusion', 'decoder')
LEAST_RANK, LARGEST_RANK = 4, 16


class Combined(Adapter):
    """:class:`ScaleShift`, and :class:`LowRank` in fusion and decoder, in under 1 %.

    The budget goes to scaling and shifting norms and linear layers, pairs of rank 4, the norms of
    the encoders' expansions from the deepest on, and what is left to a higher rank. Gates and
    classifier have pairs.
    Inside ``blocks``, if given, everything is scaled, shifted and paired, with rank 4.
    """

    def __init__(
        self, segmenter: Segmenter, combination: ModalitySet, blocks: Blocks = None
    ) -> None:
        super().__init__()
        if blocks is None:
            norms, rank = _spend(segmenter, combination)
            self.scale_shift = ScaleShift(segmenter, combination, norms)
            self.low_rank = LowRank(segmenter, combination, MEETING, rank)
        else:
            self.scale_shift = ScaleShift(segmenter, combination, blocks)
            self.low_rank = LowRank(segmenter, combination, blocks, LEAST_RANK)

    @property
    def norms(self) -> tuple[str, ...]:
        """Names of what :meth:`rescale` takes."""
        return self.scale_shift.norms

    def rescale(self, norm: str, gamma: Tensor, beta: Tensor) -> None:
        """Scale and shift the output of a layer by (C,) each, in place of what it had."""
        self.scale_shift.rescale(norm, gamma, beta)

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scale and shift first, then add the pairs."""
        changed = self.scale_shift.overrides(base)
        return changed | self.low_rank.overrides({**base, **changed})


def _spend(segmenter: Segmenter, combination: ModalitySet) -> tuple[tuple[str, ...], int]:
    """Choose what is scaled and shifted, and the rank of the pairs."""
    shapes = paired_sites(segmenter, combination, MEETING).values()
    pairs = {
        rank: sum(pair_size(shape, rank) for shape in shapes)
        for rank in range(LEAST_RANK, LARGEST_RANK + 1)
    }
    kinds = (*NORMS, nn.Linear)
    scaled = affordable_sites(segmenter, combination, 2, kinds, reserved=pairs[LEAST_RANK])
    left = below_one_percent(segmenter) - 2 * sum(scaled.values())
    rank = max((rank for rank, size in pairs.items() if size <= left), default=LEAST_RANK)
    return tuple(scaled), rank
