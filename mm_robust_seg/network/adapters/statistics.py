# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A head start for adapters: the batch norms' statistics for what is left of the input.

Behind the fusion the frozen network sees other features than it was trained with when a sensor
is gone: fewer terms, another mean and spread. The batch norms there still subtract the old mean.
Measuring the new one takes a few batches and no gradient, as in AdaBN (Li et al., arXiv
1603.04779), and since BN with other statistics is BN followed by a scale and a shift, the result
is the start of an adapter that folds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
import copy
from typing import Protocol

import torch
from torch import nn, Tensor

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.network.shared_branch import SharedBranch

DECODER = 'decoder.'
MIN_IMAGES = 8
"""The norm behind the decoder's global mean sees one value per image."""
Images = Mapping[Modality, Tensor]
Fused = Segmenter | SharedBranch
"""What fuses the sensors and decodes what comes of it."""


class Rescalable(Protocol):
    """An adapter that can scale and shift the output of norms."""

    @property
    def norms(self) -> tuple[str, ...]:
        """Names of the norms; other layers may be among them."""

    def rescale(self, norm: str, gamma: Tensor, beta: Tensor) -> None:
        """Scale and shift the output of ``norm`` by (C,) each."""


def start_from_statistics(
    adapter: Rescalable,
    segmenter: Segmenter,
    combination: ModalitySet,
    batches: Sequence[Images],
) -> None:
    """Set gamma and beta so that the adapted network has the statistics of ``combination``.

    With ``m``, ``v`` the old mean and variance and ``m'``, ``v'`` the new ones,
    ``gamma = sqrt((v + eps) / (v' + eps))`` and
    ``beta = (1 - gamma) bias + weight (m - m') / sqrt(v' + eps)``.

    Args:
        adapter: a new one for ``combination``; changed in place where it has decoder norms.
        batches: as for :func:`recalibrated`.

    Raises:
        TrainingError: if there are too few images to measure a variance.
    """
    state = recalibrated(segmenter, combination, batches, adapter.norms)
    for site in adapter.norms:
        if f'{site}.running_mean' not in state:
            continue
        norm = segmenter.get_submodule(site)
        mean, variance = state[f'{site}.running_mean'], state[f'{site}.running_var']
        spread = (variance + norm.eps).sqrt()
        gamma = (norm.running_var + norm.eps).sqrt() / spread
        beta = (1 - gamma) * norm.bias + norm.weight * (norm.running_mean - mean) / spread
        adapter.rescale(site, gamma.detach(), beta.detach())


@torch.no_grad()
def recalibrated(
    segmenter: Fused,
    combination: ModalitySet,
    batches: Sequence[Images],
    norms: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """Measure mean and variance of what the decoder's batch norms see for ``combination``.

    Encoders and projections work on one sensor each and see the same with and without the
    others. The norms are taken in the order in which they run, each with the new statistics in
    place before it, so that together they are right.

    Args:
        batches: training images; those of absent sensors are not looked at. Their order is of
            no importance.
        norms: names of the norms that may change; None means all.

    Returns:
        New entries ``<norm>.running_mean`` and ``<norm>.running_var`` of the network's state.

    Raises:
        TrainingError: if there are too few images to measure a variance.
    """
    count = sum(len(next(iter(batch.values()))) for batch in batches)
    if count < MIN_IMAGES:
        raise TrainingError(
            f'{count} images are too few for the statistics of a norm: give at least {MIN_IMAGES}'
        )
    network = copy.deepcopy(segmenter).eval()
    levels = [network.fuse({m: batch[m] for m in combination}) for batch in batches]
    decoder, state = network.decoder, {}
    for name in _batch_norms_in_order(decoder, levels):
        if norms is not None and DECODER + name not in norms:
            continue
        norm = decoder.get_submodule(name)
        mean, variance = _moments(decoder, norm, levels)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        state[f'{DECODER}{name}.running_mean'] = mean
        state[f'{DECODER}{name}.running_var'] = variance
    return state


def _batch_norms_in_order(decoder: nn.Module, levels: Sequence[Sequence[Tensor]]) -> list[str]:
    ran: list[str] = []
    handles = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in decoder.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    for level in levels[:1]:
        decoder(level)
    for handle in handles:
        handle.remove()
    return ran


def _moments(
    decoder: nn.Module, norm: nn.Module, levels: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, Tensor]:
    """Return mean and variance, per channel and over all batches, of what ``norm`` is given."""
    sums: list[Tensor] = []

    def measure(_module: nn.Module, given: tuple[Tensor]) -> None:
        x = given[0].double().transpose(0, 1).flatten(1)
        sums.append(torch.stack([torch.full_like(x[:, 0], x.shape[1]), x.sum(1), (x * x).sum(1)]))

    handle = norm.register_forward_pre_hook(measure)
    for level in levels:
        decoder(level)
    handle.remove()
    count, total, squares = torch.stack(sums).sum(0)
    mean = total / count
    variance = (squares / count - mean.square()).clamp_min(0)
    return mean.float(), variance.float()
