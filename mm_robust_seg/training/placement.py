"""Adapters where they matter: blocks chosen by an importance file, within a budget."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.foreign_text import one_line
from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import parameter_count
from mm_robust_seg.network.adapters.placement import blocks_of, choose_blocks, cost_of, MakeAdapter
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.schema import read_json

Blocks = dict[ModalitySet, tuple[str, ...]]


def placed_blocks(
    make_adapter: MakeAdapter, segmenter: Segmenter, importance: Mapping[str, float], share: float
) -> Blocks:
    """Choose the blocks of every incomplete combination's adapter.

    Args:
        importance: by block; see :func:`read_importance`.
        share: of the network's parameters that an adapter may have.

    Raises:
        ConfigError: if a block is not of this network, or the budget buys nothing.
    """
    strange = sorted(set(importance) - set(blocks_of(segmenter)))
    if strange:
        raise ConfigError(
            f'{strange[0]} is no block of the network, nor are {len(strange) - 1} more: measure '
            'the importance of this one'
        )
    budget = int(share * parameter_count(segmenter))
    chosen: Blocks = {}
    for combination in all_combinations(segmenter.modalities)[1:]:
        cost = {b: cost_of(make_adapter, segmenter, combination, b) for b in importance}
        chosen[combination] = choose_blocks(importance, cost, budget)
        if not chosen[combination]:
            raise ConfigError(
                f'{budget} parameters buy no adapter for {combination}: raise placement.budget'
            )
    return chosen


def read_importance(path: Path) -> dict[str, float]:
    """Read the importance of each block: ``{"blocks": {"decoder.refine": 0.3, ...}}``.

    Raises:
        ConfigError: if the file is something else.
    """
    try:
        blocks = read_json(path, 'importance')['blocks']
        return {str(name): float(value) for name, value in blocks.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = one_line(f'{type(error).__name__} {error}')
        raise ConfigError(
            f'{path} cannot be read as importance: {reason}; expected a file that '
            '"mm-robust-seg importance" wrote'
        ) from error


def as_json(blocks: Blocks) -> dict[str, list[str]] | None:
    """Return what ``run.json`` keeps; None if adapters may be anywhere."""
    return {str(c): list(names) for c, names in blocks.items()} or None


def from_json(blocks: Mapping[str, list[str]] | None) -> Blocks:
    """Read what :func:`as_json` returned."""
    return {ModalitySet.parse(c): tuple(names) for c, names in (blocks or {}).items()}
