# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The context embedding as a distribution (DMRNet, Wei et al., ECCV 2024; arXiv 2407.04458).

The coarsest fused features become N(mu, sigma^2), each from a 1x1 convolution. Training decodes a
sample, ``mu + eps sigma``; inference decodes mu and needs the head of mu alone.
"""

from __future__ import annotations

from collections.abc import Mapping
import copy
from typing import NamedTuple

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import Modality
from mm_robust_seg.network.segmenter import Segmenter

_LOG_VARIANCE_START = -4.0


class MeanSegmenter(Segmenter):
    """A copy of a segmenter whose context embedding is the mean of a distribution.

    Names and values of the copied state stay those of the original, and the head of the mean
    starts as the identity, so a new one computes what the original does.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(**segmenter.settings)
        channels = segmenter.channels
        self.load_state_dict(segmenter.state_dict())
        self.mean = nn.Conv2d(channels, channels, 1)
        nn.init.dirac_(self.mean.weight)
        nn.init.zeros_(self.mean.bias)

    def fuse(self, inputs: Mapping[Modality, Tensor]) -> list[Tensor]:
        """Return the fused features, the mean in place of the coarsest."""
        *finer, context = self.features(inputs)
        return [*finer, self.mean(context)]

    def features(self, inputs: Mapping[Modality, Tensor]) -> list[Tensor]:
        """Return the fused features, the coarsest as the heads see it."""
        return super().fuse(inputs)


class Sample(NamedTuple):
    """Fused features with a sampled embedding, and the distribution it is from.

    Attributes:
        levels: (N, C, h_i, w_i), the finest first; the last is the sample.
        mean, log_variance: (N, C, h_3, w_3) float32.
    """

    levels: list[Tensor]
    mean: Tensor
    log_variance: Tensor


class ProbabilisticTraining(nn.Module):
    """What training adds to a :class:`MeanSegmenter`: the variance and a second decoder.

    The variance starts small and the same everywhere, so that training begins near the network
    it starts from; the second decoder starts as the first.
    """

    def __init__(self, network: MeanSegmenter) -> None:
        super().__init__()
        self.network = network
        self.log_variance = nn.Conv2d(network.mean.in_channels, network.mean.out_channels, 1)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, _LOG_VARIANCE_START)
        self.second_decoder = copy.deepcopy(network.decoder)

    def sample(self, inputs: Mapping[Modality, Tensor], generator: torch.Generator) -> Sample:
        """Fuse and draw an embedding; ``generator`` is on the CPU, whatever the device."""
        *finer, context = self.network.features(inputs)
        mean = self.network.mean(context).float()
        log_variance = self.log_variance(context).float()
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        drawn = mean + noise * torch.exp(0.5 * log_variance)
        return Sample([*finer, drawn], mean, log_variance)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, 1)): the sum over channels, the mean over positions.

    Args:
        mean, log_variance: (N, C, h, w).
    """
    terms = mean.square() + log_variance.exp() - log_variance - 1
    return 0.5 * terms.sum(1).mean()
