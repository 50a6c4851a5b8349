# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The whole network: an encoder per modality, fusion at four scales, one decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.network.backbones.base import build_backbone
from mm_robust_seg.network.decoder import SumDecoder
from mm_robust_seg.network.fusion import GatedFusion
from mm_robust_seg.network.validity import by_level, of_image, Shares, unseen


class Segmenter(nn.Module):
    """Segment whichever modalities are given; the encoders of the others do not run.

    Attributes:
        modalities: the complete input; any non-empty subset of it can be segmented.
        validity: whether the last channel of every input says which pixels are valid; what is
            not has then no weight in the fusion.
    """

    def __init__(
        self,
        class_count: int,
        modalities: ModalitySet = COMPLETE,
        backbone: str = 'mobilenetv2',
        channels: int = 96,
        validity: bool = False,
    ) -> None:
        super().__init__()
        self.class_count, self.modalities, self.backbone = class_count, modalities, backbone
        self.channels, self.validity = channels, validity
        counts = {m.value: KINDS[m].input_channels(validity) for m in modalities}
        self.encoders = nn.ModuleDict({m: build_backbone(backbone, c) for m, c in counts.items()})
        widths = next(iter(self.encoders.values())).channels
        self.fusion = nn.ModuleList(GatedFusion(c, channels, modalities) for c in widths)
        self.decoder = SumDecoder(channels, class_count)

    @property
    def settings(self) -> dict[str, Any]:
        """What another one of the same shape is made from."""
        return {
            'class_count': self.class_count,
            'modalities': self.modalities,
            'backbone': self.backbone,
            'channels': self.channels,
            'validity': self.validity,
        }

    def forward(self, inputs: Mapping[Modality, Tensor]) -> Tensor:
        """Map (N, C_m, h, w) per modality to (N, classes, h / 4, w / 4) logits.

        The sides must be multiples of 4.
        """
        return self.decoder(self.fuse(inputs))

    def fuse(self, inputs: Mapping[Modality, Tensor]) -> list[Tensor]:
        """Return the fused features at strides 4, 8, 16 and 32, all of one width."""
        pyramids = {m: self.encoders[m.value](inputs[m]) for m in ModalitySet(inputs)}
        shares = self.shares(inputs)
        return [
            fuse({m: pyramid[level] for m, pyramid in pyramids.items()}, shares[level])
            for level, fuse in enumerate(self.fusion)
        ]

    def shares(self, inputs: Mapping[Modality, Tensor]) -> Sequence[Shares | None]:
        """Return which share of each place is valid, by level; None without validity."""
        if not self.validity:
            return [None] * len(self.fusion)
        return by_level({m: of_image(image) for m, image in inputs.items()})


def told_of_validity(segmenter: Segmenter) -> Segmenter:
    """Return a copy that is told which pixels are valid; where all are, it gives the same logits.

    The weights of the new channels begin at 0.
    """
    told = Segmenter(**{**segmenter.settings, 'validity': True})
    before, state = segmenter.state_dict(), told.state_dict()
    for name, value in before.items():
        state[name].zero_()
        state[name][tuple(slice(side) for side in value.shape)] = value
    return told


class Labeler(nn.Module):
    """The graph that is exported: logits become labels and confidence inside it.

    Logits are enlarged to the input size before the argmax; the confidence is computed at the
    logits' own size, where it is 16 times cheaper, and enlarged.

    Args:
        validity: whether the inputs say which pixels are valid; what no sensor has seen is then
            unlabeled, with confidence 0.
    """

    def __init__(
        self, segmenter: nn.Module, combination: ModalitySet, validity: bool = False
    ) -> None:
        super().__init__()
        self.segmenter, self.combination, self.validity = segmenter, combination, validity

    def forward(self, *images: Tensor) -> tuple[Tensor, Tensor]:
        """Map (1, C_m, h, w), in the combination's order, to two (1, h, w) uint8 images."""
        inputs = dict(zip(self.combination, images, strict=True))
        valid = [of_image(image) for image in images] if self.validity else None
        return labelled(self.segmenter(inputs), images[0].shape[-2:], valid)


def labelled(
    logits: Tensor, size: tuple[int, int], valid: Sequence[Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Turn (1, classes, h, w) logits into labels and confidence, two uint8 images of ``size``.

    Args:
        valid: (1, 1, h, w) of each present sensor; where none has seen anything, see
            ``network.validity``, the label is ``UNLABELED`` and the confidence 0.
    """
    labels = functional.interpolate(logits, size, mode='bilinear').argmax(1)
    top = logits.amax(1, keepdim=True)
    confidence = 255.0 / torch.exp(logits - top).sum(1, keepdim=True)
    confidence = functional.interpolate(confidence, size, mode='bilinear')[:, 0]
    confidence = confidence + 0.5
    if valid is not None:
        nothing = unseen(valid, size)
        labels = torch.where(nothing, UNLABELED, labels)
        confidence = torch.where(nothing, 0.0, confidence)
    return labels.to(torch.uint8), confidence.to(torch.uint8)
