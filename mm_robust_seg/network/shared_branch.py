"""One branch for whichever modalities there are (Saeed et al., arXiv 2408.07445)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.blocks import conv_norm
from mm_robust_seg.network.decoder import SumDecoder
from mm_robust_seg.network.shared_encoder import SharedEncoder


class SharedBranch(nn.Module):
    """Run the same encoder on every present modality and average before the decoder.

    It has about a third of the parameters of three encoders and as many operations.

    Attributes:
        modalities: the complete input; any non-empty subset of it can be segmented.
    """

    def __init__(
        self, class_count: int, modalities: ModalitySet, backbone: str, channels: int
    ) -> None:
        super().__init__()
        self.class_count, self.modalities, self.backbone = class_count, modalities, backbone
        self.encoders = SharedEncoder(backbone, modalities)
        self.project = nn.ModuleList(conv_norm(c, channels) for c in self.encoders.channels)
        self.decoder = SumDecoder(channels, class_count)

    def forward(self, inputs: Mapping[Modality, Tensor]) -> Tensor:
        """Map (N, C_m, h, w) per modality to (N, classes, h / 4, w / 4) logits."""
        count = len(ModalitySet(inputs))
        levels = [torch.stack(x.chunk(count)).mean(0) for x in self.encoders(inputs)]
        return self.decoder([project(x) for project, x in zip(self.project, levels, strict=True)])
