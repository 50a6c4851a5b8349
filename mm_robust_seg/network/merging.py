# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Coarser classes from a network that knows finer ones: their probabilities add up."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn, Tensor
from torch.nn import functional

_LEAST = 1e-9


def merge_classes(network: nn.Module, merged: Sequence[int]) -> None:
    """Let ``network`` return log-probabilities of merged classes instead of its logits.

    Args:
        network: maps inputs to (N, len(merged), h, w) logits; changed in place.
        merged: the merged class, from 0 without gaps, of each class of the network.
    """
    matrix = torch.zeros(max(merged) + 1, len(merged))
    matrix[list(merged), range(len(merged))] = 1.0

    def merge(_network: nn.Module, _inputs: object, logits: Tensor) -> Tensor:
        probabilities = torch.softmax(logits.float(), dim=1)
        kernel = matrix.to(logits.device)[:, :, None, None]
        return functional.conv2d(probabilities, kernel).clamp_min(_LEAST).log()

    network.register_forward_hook(merge)
