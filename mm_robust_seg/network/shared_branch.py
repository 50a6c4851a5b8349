# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One branch for whichever modalities there are (Saeed et al., arXiv 2408.07445)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn, Tensor

from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.backbones.base import build_backbone
from mm_robust_seg.network.blocks import conv_norm
from mm_robust_seg.network.decoder import SumDecoder
from mm_robust_seg.network.validity import by_level, mean_of_valid, of_image, Shares

_COLOURS = 3


class SharedBranch(nn.Module):
    """Run the same encoder on every present modality and average before the decoder.

    It has about a third of the parameters of three encoders and as many operations.

    Attributes:
        modalities: the complete input; any non-empty subset of it can be segmented.
        validity: whether the last channel of every input says which pixels are valid; the average
            is then over those.
    """

    def __init__(
        self,
        class_count: int,
        modalities: ModalitySet,
        backbone: str,
        channels: int,
        validity: bool = False,
    ) -> None:
        super().__init__()
        self.class_count, self.modalities, self.backbone = class_count, modalities, backbone
        self.validity = validity
        self.encoders = SharedEncoder(backbone, modalities, validity)
        self.project = nn.ModuleList(conv_norm(c, channels) for c in self.encoders.channels)
        self.decoder = SumDecoder(channels, class_count)

    def forward(self, inputs: Mapping[Modality, Tensor]) -> Tensor:
        """Map (N, C_m, h, w) per modality to (N, classes, h / 4, w / 4) logits."""
        return self.decoder(self.fuse(inputs))

    def fuse(self, inputs: Mapping[Modality, Tensor]) -> list[Tensor]:
        """Return the averaged features at strides 4, 8, 16 and 32, all of one width."""
        present = ModalitySet(inputs)
        levels = [
            mean_of_valid(dict(zip(present, x.chunk(len(present)), strict=True)), shares)
            for x, shares in zip(self.encoders(inputs), self._shares(inputs), strict=True)
        ]
        return [project(x) for project, x in zip(self.project, levels, strict=True)]

    def _shares(self, inputs: Mapping[Modality, Tensor]) -> Sequence[Shares | None]:
        if not self.validity:
            return [None] * len(self.project)
        return by_level({m: of_image(image) for m, image in inputs.items()})


class SharedEncoder(nn.Module):
    """A backbone for colour images, and per modality a 1x1 convolution that turns it into one.

    A stem starts as the identity where a modality has three channels, otherwise every colour is
    the mean of the channels; so the weights of a pretrained backbone keep their sense. The channel
    of the validity starts at 0.

    Attributes:
        channels: width of the four features, at strides 4, 8, 16 and 32.
    """

    def __init__(self, backbone: str, modalities: ModalitySet, validity: bool) -> None:
        super().__init__()
        stems = {m.value: _stem(KINDS[m].input_channels(validity), validity) for m in modalities}
        self.stems = nn.ModuleDict(stems)
        self.trunk = build_backbone(backbone, _COLOURS)
        self.channels: tuple[int, ...] = self.trunk.channels

    def forward(self, inputs: Mapping[Modality, Tensor]) -> list[Tensor]:
        """Return the pyramid of the present modalities, one after the other along the batch.

        (N, C_m, h, w) each become (P * N, C, h_i, w_i), the finest first; in training, batch
        norms see all present modalities as one batch.
        """
        images = [self.stems[m.value](inputs[m]) for m in ModalitySet(inputs)]
        return self.trunk(torch.cat(images))


def _stem(channels: int, validity: bool) -> nn.Sequential:
    stem, values = conv_norm(channels, _COLOURS, activate=False), channels - validity
    identity = torch.eye(_COLOURS)
    start = identity if values == _COLOURS else torch.full((_COLOURS, values), 1 / values)
    with torch.no_grad():
        stem[0].weight.zero_()
        stem[0].weight[:, :values].copy_(start[:, :, None, None])
    return stem
