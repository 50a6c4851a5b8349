"""The whole network: an encoder per modality, fusion at four scales, one decoder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.bundle import CHANNELS
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.network.backbones.base import build_backbone
from mm_robust_seg.network.decoder import SumDecoder
from mm_robust_seg.network.fusion import GatedFusion


class Segmenter(nn.Module):
    """Segment whichever modalities are given; the encoders of the others do not run.

    Attributes:
        modalities: the complete input; any non-empty subset of it can be segmented.
    """

    def __init__(
        self,
        class_count: int,
        modalities: ModalitySet = COMPLETE,
        backbone: str = 'mobilenetv2',
        channels: int = 96,
    ) -> None:
        super().__init__()
        self.class_count, self.modalities, self.backbone = class_count, modalities, backbone
        self.encoders = nn.ModuleDict(
            {m.value: build_backbone(backbone, CHANNELS[m]) for m in modalities}
        )
        widths = next(iter(self.encoders.values())).channels
        self.fusion = nn.ModuleList(GatedFusion(c, channels, modalities) for c in widths)
        self.decoder = SumDecoder(channels, class_count)

    def forward(self, inputs: Mapping[Modality, Tensor]) -> Tensor:
        """Map (N, C_m, h, w) per modality to (N, classes, h / 4, w / 4) logits.

        The sides must be multiples of 4.
        """
        return self.decoder(self.fuse(inputs))

    def fuse(self, inputs: Mapping[Modality, Tensor]) -> list[Tensor]:
        """Return the fused features at strides 4, 8, 16 and 32, all of one width."""
        pyramids = {m: self.encoders[m.value](inputs[m]) for m in ModalitySet(inputs)}
        return [
            fuse({m: pyramid[level] for m, pyramid in pyramids.items()})
            for level, fuse in enumerate(self.fusion)
        ]


class Labeler(nn.Module):
    """The graph that is exported: logits become labels and confidence inside it.

    Logits are enlarged to the input size before the argmax; the confidence is computed at the
    logits' own size, where it is 16 times cheaper, and enlarged.
    """

    def __init__(self, segmenter: nn.Module, combination: ModalitySet) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.combination = combination

    def forward(self, *images: Tensor) -> tuple[Tensor, Tensor]:
        """Map (1, C_m, h, w), in the combination's order, to two (1, h, w) uint8 images."""
        inputs = dict(zip(self.combination, images, strict=True))
        return labelled(self.segmenter(inputs), images[0].shape[-2:])


def labelled(logits: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Turn (1, classes, h, w) logits into labels and confidence, two uint8 images of ``size``."""
    labels = functional.interpolate(logits, size, mode='bilinear').argmax(1)
    top = logits.amax(1, keepdim=True)
    confidence = 255.0 / torch.exp(logits - top).sum(1, keepdim=True)
    confidence = functional.interpolate(confidence, size, mode='bilinear')[:, 0]
    return labels.to(torch.uint8), (confidence + 0.5).to(torch.uint8)
