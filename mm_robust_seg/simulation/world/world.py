# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The simulated world: an endless street that follows from a seed alone."""

from __future__ import annotations

from functools import lru_cache
import math

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.simulation.classes import SceneClass
from mm_robust_seg.simulation.world.materials import Material
from mm_robust_seg.simulation.world.primitives import assemble, join, Part, Primitives, Shape
from mm_robust_seg.simulation.world.street import build_chunk, Centreline, CHUNK_M
from mm_robust_seg.simulation.world.traffic import Traffic

_SIGHT_M = 150.0
_REAR_M = 12.0
_CHUNKS_KEPT = 64

_BACKDROP = (
    (Material.SKY, SceneClass.SKY, (0.0, 0.0, 0.0)),
    (Material.HILL, SceneClass.VEGETATION, (0.07, 0.10, 0.06)),
    (Material.ASPHALT, SceneClass.ROAD, (0.085, 0.085, 0.09)),
    (Material.MARKING, SceneClass.ROAD, (0.52, 0.52, 0.50)),
    (Material.PAVING, SceneClass.SIDEWALK, (0.27, 0.255, 0.235)),
    (Material.KERB, SceneClass.SIDEWALK, (0.38, 0.37, 0.35)),
    (Material.GRASS, SceneClass.GROUND, (0.10, 0.155, 0.045)),
    (Material.DIRT, SceneClass.GROUND, (0.23, 0.165, 0.10)),
)


def _backdrop() -> Primitives:
    """Return what is not an object: entry i stands for material i and is never ray cast."""
    return assemble(
        [
            Part(Shape.BOX, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), material, label, albedo)
            for material, label, albedo in _BACKDROP
        ]
    )


BACKDROP = _backdrop()


class World:
    """An endless street along x with all that stands and moves on it.

    Two worlds with the same seed are equal; asking for a scene changes nothing.
    """

    def __init__(self, seed: int) -> None:
        """Fix the world.

        Raises:
            ConfigError: The seed is not an integer from 0 to 2**31 - 1.
        """
        self.seed = checked_seed(seed)
        self.centreline = Centreline(seed)
        self._traffic = Traffic(seed, self.centreline)
        self._chunk = lru_cache(maxsize=_CHUNKS_KEPT)(
            lambda index: build_chunk(seed, self.centreline, index)
        )

    def scene(self, x_m: float, t_s: float) -> Primitives:
        """Return everything in sight from ``x_m`` looking along +x at time ``t_s``.

        The first ``len(BACKDROP)`` primitives are the backdrop.
        """
        low_m, high_m = x_m - _REAR_M, x_m + _SIGHT_M
        chunks = range(math.floor(low_m / CHUNK_M), math.floor(high_m / CHUNK_M) + 1)
        standing = [self._chunk(index) for index in chunks]
        return join([BACKDROP, *standing, *self._traffic.groups(low_m, high_m, t_s)])


def checked_seed(seed: int) -> int:
    """Return the seed.

    Raises:
        ConfigError: It is not an integer from 0 to 2**31 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 31:
        raise ConfigError(f'seed is {seed!r}, expected an integer from 0 to 2**31 - 1')
    return seed
