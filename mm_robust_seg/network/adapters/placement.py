# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where adapter parameters go: inside a budget, and where the importance is large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from torch import nn

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, Blocks, parameter_count
from mm_robust_seg.network.segmenter import Segmenter

MakeAdapter = Callable[[Segmenter, ModalitySet, Blocks], Adapter]
"""What every adapter class is."""


def choose_blocks(
    importance: Mapping[str, float], cost: Mapping[str, int], budget: int
) -> tuple[str, ...]:
    """Choose blocks that are important for what they cost, together within ``budget``.

    Greedy by importance per parameter, as for a knapsack: a block that no longer fits is passed
    over for the next that does. When every block costs a small part of the budget, what is left
    unspent, and so what is lost to the best choice, is small.

    Args:
        importance: of each block, in any unit; blocks with none or less are not chosen.
        cost: adapter parameters of each block; blocks without an entry or with 0 have nothing
            to adapt.
        budget: largest sum of the costs.

    Returns:
        The chosen blocks in the order of ``importance``.
    """
    useful = [b for b, value in importance.items() if value > 0 and cost.get(b, 0) > 0]
    chosen = set()
    for block in sorted(useful, key=lambda b: importance[b] / cost[b], reverse=True):
        if cost[block] <= budget:
            chosen.add(block)
            budget -= cost[block]
    return tuple(block for block in importance if block in chosen)


def affordable(
    groups: Iterable[tuple[str, ...]], cost: Mapping[str, int], budget: int
) -> tuple[str, ...]:
    """Take groups in order, each as a whole, up to the first that ``budget`` does not allow."""
    chosen: list[str] = []
    for group in groups:
        budget -= sum(cost[name] for name in group)
        if budget < 0:
            break
        chosen.extend(group)
    return tuple(chosen)


def below_one_percent(segmenter: Segmenter) -> int:
    """Return the largest number of parameters that is under 1 % of the network's."""
    return (parameter_count(segmenter) - 1) // 100


def deepest_first(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Order what is adapted: fusion and decoder, then the encoders from their ends.

    Args:
        names: of modules, in the network's order.

    Yields:
        One name of fusion or decoder, or those of one layer in all encoders, so that no sensor
        is served before another.
    """
    encoders: dict[str, list[str]] = {}
    for name in names:
        if name.startswith('encoders.'):
            encoders.setdefault(name.split('.')[1], []).append(name)
        else:
            yield (name,)
    yield from zip(*(reversed(layers) for layers in encoders.values()), strict=True)


def blocks_of(segmenter: Segmenter) -> tuple[str, ...]:
    """Name the blocks that adapters can be placed in.

    These are the smallest parts that are no lists of parts themselves, such as
    ``encoders.rgb.features.5``, ``fusion.2`` and ``decoder.smooth.1``.
    """
    return tuple(chain.from_iterable(_blocks(n, m) for n, m in segmenter.named_children()))


def cost_of(
    make_adapter: MakeAdapter, segmenter: Segmenter, combination: ModalitySet, block: str
) -> int:
    """Count the parameters of an adapter that is placed in ``block`` alone."""
    return parameter_count(make_adapter(segmenter, combination, (block,)))


def _blocks(name: str, module: nn.Module) -> Iterator[str]:
    if any(isinstance(part, nn.ModuleList) for part in module.modules()):
        for child, part in module.named_children():
            yield from _blocks(f'{name}.{child}', part)
    elif parameter_count(module):
        yield name
