# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a frozen complete-input network has to teach: its answers, and the features behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.network.adapters.base import adapted, Adapter
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.objectives.base import Inputs


class Pass(NamedTuple):
    """(N, classes, h / 4, w / 4) logits, and the four fused features the decoder was given."""

    logits: Tensor
    levels: list[Tensor]


def passed(segmenter: Segmenter, adapter: Adapter | None, inputs: Inputs) -> Pass:
    """Run the network with the adapter in place."""
    with _decoder_inputs(segmenter.decoder) as levels:
        return Pass(adapted(segmenter, adapter, inputs), levels)


def taught(segmenter: Segmenter, images: Inputs, mirrored: bool) -> Pass:
    """Return what the complete network says of complete input.

    Args:
        mirrored: whether the logits are the mean of those of the image and of its mirror image,
            which costs a second pass; the features are those of the image.
    """
    own = passed(segmenter, None, images)
    if not mirrored:
        return own
    other = segmenter({m: image.flip(-1) for m, image in images.items()}).flip(-1)
    return Pass((own.logits + other) / 2, own.levels)


def softened_divergence(logits: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Return T^2 KL(softmax(target / T) || softmax(logits / T)), the mean over pixels.

    Args:
        logits, target: (N, classes, h, w).
    """
    own = functional.log_softmax(logits.float() / temperature, dim=1)
    wanted = functional.log_softmax(target.float() / temperature, dim=1)
    divergence = (wanted.exp() * (wanted - own)).sum(1).mean()
    return temperature**2 * divergence


@contextmanager
def _decoder_inputs(decoder: nn.Module) -> Iterator[list[Tensor]]:
    levels: list[Tensor] = []
    handle = decoder.register_forward_pre_hook(
        lambda _module, arguments: levels.extend(arguments[0])
    )
    try:
        yield levels
    finally:
        handle.remove()
