# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The classifier, trained with prompts: prompts with a frozen head have little to say."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn, Tensor

from mm_robust_seg.network.adapters.base import Adapter, Blocks, is_within, key_of
from mm_robust_seg.network.segmenter import Segmenter

CLASSIFIER = 'decoder.classify'


class TrainedHead(Adapter):
    """A copy of the classifier's weight and bias, where ``blocks`` allow it."""

    def __init__(self, segmenter: Segmenter, blocks: Blocks = None) -> None:
        super().__init__()
        classifier = segmenter.get_submodule(CLASSIFIER)
        leaves = classifier.named_parameters(CLASSIFIER) if is_within(CLASSIFIER, blocks) else ()
        self.own = nn.ParameterDict({key_of(k): v.detach().clone() for k, v in leaves})

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put the copies in place."""
        return {key.replace('/', '.'): value for key, value in self.own.items()}
