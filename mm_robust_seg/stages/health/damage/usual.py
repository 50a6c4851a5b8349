# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a camera usually shows, learned from its own pictures tile by tile."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.stages.health.damage.tiles import COLUMNS, ROWS, Tiles, TileStatistics

Flags = NDArray[np.bool_]
"""(ROWS, COLUMNS) bool."""

_MEMORY_S = 120.0
_FIRST_SHARE, _FIRST_S = 0.3, 2.0
"""How often a tile shows a sign, and how long that counts, before any picture was seen."""
_RARE = 0.1
_SETTLED_S = 4.0
_TINY = 1e-6


class Usual:
    """Running means over about two minutes of pictures without damage.

    How often a tile shows a sign tells the scene, and the car's own bonnet, from damage: what a
    tile often shows is nothing new.

    Attributes:
        seen_s: time of the pictures that were learned from.
        level, range: mean of the values, and from the darkest tile to the brightest.
        structure, changes: of each tile, as in ``TileStatistics``.
        sharpness, noise: of the whole picture.
    """

    def __init__(self) -> None:
        self.seen_s = 0.0
        self.level = self.range = self.sharpness = self.noise = 0.0
        self.structure = self.changes = np.zeros((ROWS, COLUMNS), np.float32)
        self._shares: dict[str, Tiles] = {}

    @property
    def is_settled(self) -> bool:
        """Whether enough was seen to tell damage from the scene."""
        return self.seen_s >= _SETTLED_S

    def rarely(self, sign: str) -> Flags:
        """Tell which tiles hardly ever show a sign."""
        shares = self._shares.get(sign)
        return np.zeros((ROWS, COLUMNS), bool) if shares is None else shares < _RARE

    def learn(self, seen: TileStatistics, signs: Mapping[str, Flags], step_s: float) -> None:
        """Take in a picture without damage.

        Args:
            signs: the tiles that show them.
            step_s: time since the picture before.
        """
        if not self.seen_s:
            self.level, self.sharpness = float(seen.level.mean()), seen.sharpness
            self.noise, self.range = seen.noise, float(np.ptp(seen.level))
            self.structure, self.changes = seen.structure, seen.changes
        self.seen_s += step_s
        weight = step_s / min(self.seen_s, _MEMORY_S)
        self.level += weight * (float(seen.level.mean()) - self.level)
        self.range += weight * (float(np.ptp(seen.level)) - self.range)
        self.sharpness = _geometric(self.sharpness, seen.sharpness, weight)
        self.noise = _geometric(self.noise, seen.noise, weight)
        self.structure = self.structure + np.float32(weight) * (seen.structure - self.structure)
        self.changes = self.changes + np.float32(weight) * (seen.changes - self.changes)
        weight = step_s / min(_FIRST_S + self.seen_s, _MEMORY_S)
        for sign, flags in signs.items():
            shares = self._shares.setdefault(sign, np.full(flags.shape, _FIRST_SHARE, np.float32))
            shares += np.float32(weight) * (flags - shares)


def _geometric(mean: float, value: float, weight: float) -> float:
    """Follow the mean of the logarithm, which the scene changes evenly up and down."""
    return float(np.exp((1 - weight) * np.log(mean + _TINY) + weight * np.log(value + _TINY)))
