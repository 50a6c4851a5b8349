# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""No adapters: what the base does by itself when sensors are missing, the floor of every table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.training.objectives.base import MethodContext, Task


class Unadapted:
    """The method: the frozen base serves every combination."""

    def __init__(self, context: MethodContext) -> None:
        self._segmenter = context.segmenter.eval().requires_grad_(False)

    def tasks(self) -> Iterator[Task]:
        """Yield nothing: there is nothing to train."""
        return iter(())

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the base for every combination."""
        return dict.fromkeys(all_combinations(self._segmenter.modalities), self._segmenter)

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return nothing."""
        return {}
