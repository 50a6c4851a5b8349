# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Signs of damage in one picture. Each may be the scene; what is rare and lasts is not."""

from __future__ import annotations

import numpy as np

from mm_robust_seg.stages.health.damage.tiles import TileStatistics
from mm_robust_seg.stages.health.damage.usual import Flags, Usual

BLIND, STILL, WHITE, RAISED = 'blind', 'still', 'white', 'raised'

_VISIBLE_OF_NOISE, _VISIBLE_OF_USUAL = 0.08, 0.05
_STILL, _MOVES, _LEAST_SHOWN = 0.7, 0.6, 8
_MOSTLY_WHITE = 0.5
_RAISED, _SHINES_THROUGH = 1.5, 0.7
"""A pattern that is added to the scene has more structure than it, and lets it shine through."""


def visible(seen: TileStatistics, usual: Usual) -> Flags:
    """Tell which tiles show anything but noise."""
    noise = max(usual.noise, seen.noise)
    least = max(_VISIBLE_OF_NOISE * noise, _VISIBLE_OF_USUAL * float(usual.structure.mean()), 1e-9)
    flags: Flags = seen.structure > least
    return flags


def still(seen: TileStatistics, shows: Flags) -> Flags:
    """Tell which tiles show something that stays where it is."""
    flags: Flags = shows & (seen.changes < _STILL * seen.coarse)
    return flags


def moves(seen: TileStatistics, shows: Flags) -> bool:
    """Tell whether the scene moves as a whole, not only something in it."""
    if int(shows.sum()) < _LEAST_SHOWN:
        return False
    return float(np.median(seen.changes[shows] / seen.coarse[shows])) > _MOVES


def signs_of(
    seen: TileStatistics, usual: Usual, shows: Flags, scene_moves: bool
) -> dict[str, Flags]:
    """Return the tiles that show each sign.

    ``blind``: nothing but noise. ``still``: structure that does not move while the scene does.
    ``raised``: still, and more of it than the scene has. ``white``: most is at the upper end.

    Args:
        shows: the tiles that show anything but noise.
        scene_moves: as this sensor sees it, or another one.
    """
    stays = still(seen, shows) & scene_moves
    return {
        BLIND: ~shows,
        STILL: stays,
        RAISED: stays
        & (seen.structure > _RAISED * usual.structure)
        & (seen.changes > _SHINES_THROUGH * usual.changes),
        WHITE: seen.white > _MOSTLY_WHITE,
    }
