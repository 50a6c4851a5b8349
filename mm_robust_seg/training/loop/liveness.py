# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Find encoders that stopped telling images apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mm_robust_seg.modality import Modality
from mm_robust_seg.network.segmenter import Segmenter

_LEAST_SPREAD = 1e-3
_STRIDES = (4, 8, 16, 32)


@torch.no_grad()
def constant_features(
    segmenter: Segmenter, batches: Sequence[Mapping[Modality, Tensor]]
) -> list[str]:
    """Name the encoder features whose means hardly differ between images.

    Such a stage is dead: it costs time and carries nothing.

    Args:
        batches: (N, C_m, h, w) images of all modalities, at least two in all.
    """
    segmenter.eval()
    found = []
    for modality in segmenter.modalities:
        encoder = segmenter.encoders[modality.value]
        pyramids = [encoder(batch[modality]) for batch in batches]
        for level, stride in enumerate(_STRIDES):
            means = torch.cat([pyramid[level].mean((2, 3)) for pyramid in pyramids]).float()
            if means.std(0).mean() < _LEAST_SPREAD * means.abs().mean().clamp_min(1e-12):
                found.append(f'{modality} at stride {stride}')
    return found
