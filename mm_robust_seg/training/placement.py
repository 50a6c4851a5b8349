# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Adapters where they matter: blocks chosen by an importance file, within a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.foreign_text import one_line
from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import parameter_count
from mm_robust_seg.network.adapters.placement import blocks_of, choose_blocks, cost_of, MakeAdapter
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.schema import read_json

Blocks = dict[ModalitySet, tuple[str, ...]]


@dataclass(frozen=True)
class BlockImportance:
    """How much each block matters.

    Attributes:
        blocks: on complete input.
        combinations: on incomplete input. What is missing decides what has to change; a file
            that was written before this was measured has none.
    """

    blocks: Mapping[str, float]
    combinations: Mapping[ModalitySet, Mapping[str, float]] = field(default_factory=dict)

    def of(self, combination: ModalitySet) -> Mapping[str, float]:
        """Return what matters for ``combination``, or for complete input where that is unknown."""
        return self.combinations.get(combination, self.blocks)


def placed_blocks(
    make_adapter: MakeAdapter, segmenter: Segmenter, importance: BlockImportance, share: float
) -> Blocks:
    """Choose the blocks of every incomplete combination's adapter.

    Args:
        importance: by block; see :func:`read_importance`.
        share: of the network's parameters that an adapter may have.

    Raises:
        ConfigError: if a block is not of this network, or the budget buys nothing.
    """
    incomplete = all_combinations(segmenter.modalities)[1:]
    named = {name for c in incomplete for name in importance.of(c)}
    strange = sorted(named - set(blocks_of(segmenter)))
    if strange:
        raise ConfigError(
            f'{strange[0]} is no block of the network, nor are {len(strange) - 1} more: measure '
            'the importance of this one'
        )
    budget = int(share * parameter_count(segmenter))
    chosen: Blocks = {}
    for combination in incomplete:
        matters = importance.of(combination)
        cost = {b: cost_of(make_adapter, segmenter, combination, b) for b in matters}
        chosen[combination] = choose_blocks(matters, cost, budget)
        if not chosen[combination]:
            raise ConfigError(
                f'{budget} parameters buy no adapter for {combination}: raise placement.budget'
            )
    return chosen


def read_importance(path: Path) -> BlockImportance:
    """Read ``{"blocks": {"decoder.refine": 0.3, ...}, "combinations": {"rgb": {...}, ...}}``.

    Raises:
        ConfigError: if the file is something else.
    """
    expected = 'expected a file that "mm-robust-seg importance" wrote'
    try:
        facts = read_json(path, 'importance')
    except ConfigError as error:
        raise ConfigError(f'{error}; {expected}') from error
    try:
        combinations = facts.get('combinations', {}).items()
        return BlockImportance(
            _numbers(facts['blocks']),
            {ModalitySet.parse(c): _numbers(blocks) for c, blocks in combinations},
        )
    except (ConfigError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = one_line(f'{type(error).__name__} {error}')
        raise ConfigError(f'{path} cannot be read as importance: {reason}; {expected}') from error


def _numbers(blocks: Mapping[str, float]) -> dict[str, float]:
    return {str(name): float(value) for name, value in blocks.items()}


def as_json(blocks: Blocks) -> dict[str, list[str]] | None:
    """Return what ``run.json`` keeps; None if adapters may be anywhere."""
    return {str(c): list(names) for c, names in blocks.items()} or None


def from_json(blocks: Mapping[str, list[str]] | None) -> Blocks:
    """Read what :func:`as_json` returned."""
    return {ModalitySet.parse(c): tuple(names) for c, names in (blocks or {}).items()}
