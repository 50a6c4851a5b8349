# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Several losses, one step: gradients that do not undo each other.

GMD (Wang et al., AAAI 2024; arXiv 2402.16318): where the gradients of two losses conflict, that is
``g_i . g_j < 0``, ``g_i`` loses its part along ``g_j``: ``g_i - (g_i . g_j / |g_j|^2) g_j``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn, Tensor


def conflict_free(
    losses: Tensor, parameters: Sequence[nn.Parameter], rng: np.random.Generator
) -> None:
    """Set ``.grad`` to the mean of the losses' gradients after removing conflicts.

    One backward pass per loss; the gradients are held together once, K x P float32. A parameter
    that no loss depends on keeps no gradient.

    Args:
        losses: (K,).
        parameters: P numbers in all, of one dtype and device.
        rng: of the order in which each gradient meets the others.
    """
    gradients, used = _gradients(losses, parameters)
    orders = [rng.permutation(len(gradients)).tolist() for _ in gradients]
    weights = conflict_free_weights(gradients @ gradients.T, orders).to(gradients)
    pieces = (weights @ gradients).split([p.numel() for p in parameters])
    for parameter, piece, is_used in zip(parameters, pieces, used, strict=True):
        parameter.grad = piece.view_as(parameter) if is_used else None


def conflict_free_weights(products: Tensor, orders: Sequence[Sequence[int]]) -> Tensor:
    """Return how much of each gradient is in the mean of the conflict-free ones.

    Every gradient is compared with the others one by one, each time as what is left of it with
    the other as it was. The result depends on the order, so a fixed one would favour some losses
    (PCGrad, Yu et al., NeurIPS 2020, arXiv 2001.06782, draws it anew). What is left is a sum of
    the originals, so their inner products are all there is to know.

    Args:
        products: (K, K), ``g_i . g_j``.
        orders: for each gradient, all K in the order in which it meets them.

    Returns:
        (K,) float64 on the CPU.
    """
    known = products.detach().double().cpu()
    parts = torch.eye(len(known), dtype=known.dtype)
    for i, order in enumerate(orders):
        for j in order:
            product = parts[i] @ known[j]
            if i != j and product < 0 < known[j, j]:
                parts[i, j] -= product / known[j, j]
    return parts.mean(0)


def _gradients(losses: Tensor, parameters: Sequence[nn.Parameter]) -> tuple[Tensor, list[bool]]:
    """Return (K, P) gradients, and for each parameter whether any loss depends on it."""
    rows = torch.zeros(
        len(losses),
        sum(p.numel() for p in parameters),
        dtype=parameters[0].dtype,
        device=parameters[0].device,
    )
    used = [False] * len(parameters)
    for index, (loss, row) in enumerate(zip(losses, rows, strict=True)):
        found = torch.autograd.grad(
            loss, parameters, retain_graph=index < len(losses) - 1, allow_unused=True
        )
        places = row.split([p.numel() for p in parameters])
        for number, (place, gradient) in enumerate(zip(places, found, strict=True)):
            if gradient is not None:
                place.copy_(gradient.reshape(-1))
                used[number] = True
    return rows, used
