# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Everything that moves: endless streams of vehicles and people.

All members of a stream share one speed, so a slot of its moving frame decides who is there and
nothing ever collides or has to be simulated step by step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
import math

import numpy as np

from mm_robust_seg.simulation.world import movers
from mm_robust_seg.simulation.world.noise import stream
from mm_robust_seg.simulation.world.primitives import assemble, place, Primitives
from mm_robust_seg.simulation.world.street import Centreline

DRIVE_SPEED_M_S = 5.0
DRIVE_SLOT_M = 48.0
"""The lane of the rig: one vehicle ahead per slot, none where the rig drives (slot start)."""

_ENGINE_HEAT_K = 24.0
_STRIDE_RAD_PER_M = 3.7


@dataclass(frozen=True)
class _Stream:
    """One row of movers: side offset, speed along x and slots of the moving frame."""

    tag: int
    side_m: float
    speed_m_s: float
    slot_m: float
    presence: float
    clear_share: tuple[float, float] = (0.1, 0.9)


_VEHICLE_STREAMS = (
    _Stream(11, -1.6, DRIVE_SPEED_M_S, DRIVE_SLOT_M, 0.85, (0.26, 0.72)),
    _Stream(12, 1.6, -8.0, 30.0, 0.55),
)
_PERSON_STREAMS = (
    _Stream(21, -4.35, 1.25, 9.0, 0.62),
    _Stream(22, -5.3, -1.15, 10.0, 0.58),
    _Stream(23, 6.3, 1.1, 10.0, 0.50),
    _Stream(24, 7.2, -1.3, 9.0, 0.55),
    _Stream(25, 2.95, -1.2, 22.0, 0.40),
)
_PERSON_SIGHT_M = 95.0


class Traffic:
    """The moving part of a world."""

    def __init__(self, seed: int, centreline: Centreline) -> None:
        """Fix the streams; members are built on first sight and remembered."""
        self._seed = seed
        self._centreline = centreline
        self._vehicle = lru_cache(maxsize=512)(self._build_vehicle)
        self._person = lru_cache(maxsize=2048)(self._build_person)

    def groups(self, low_m: float, high_m: float, t_s: float) -> list[Primitives]:
        """Return the movers with x between the two distances at time ``t_s``."""
        found = []
        for row in _VEHICLE_STREAMS:
            for slot, x_m in self._members(row, low_m, high_m, t_s):
                found.append(self._stand(self._vehicle(row.tag, slot), row, x_m, row.side_m))
        for row in _PERSON_STREAMS:
            for slot, x_m in self._members(row, low_m, min(high_m, low_m + _PERSON_SIGHT_M), t_s):
                person, phase, sway_m = self._person(row.tag, slot)
                walking = _stride(person, phase + _STRIDE_RAD_PER_M * x_m)
                found.append(self._stand(walking, row, x_m, row.side_m + sway_m))
        return found

    def _members(
        self, row: _Stream, low_m: float, high_m: float, t_s: float
    ) -> Iterator[tuple[int, float]]:
        """Yield (slot, x) of the members of a row that are in sight."""
        shift_m = row.speed_m_s * t_s
        first = math.floor((low_m - shift_m) / row.slot_m)
        last = math.floor((high_m - shift_m) / row.slot_m)
        for slot in range(first, last + 1):
            presence, share = _draw(self._seed, row.tag, slot)
            begin, end = row.clear_share
            x_m = (slot + begin + (end - begin) * share) * row.slot_m + shift_m
            if presence < row.presence and low_m <= x_m <= high_m:
                yield slot, x_m

    def _stand(self, group: Primitives, row: _Stream, x_m: float, side_m: float) -> Primitives:
        y_m, heading = self._centreline.at(x_m)
        turn = heading if row.speed_m_s > 0.0 else heading + math.pi
        return place(
            group, x_m - side_m * math.sin(heading), y_m + side_m * math.cos(heading), turn
        )

    def _build_vehicle(self, tag: int, slot: int) -> Primitives:
        generator = stream(self._seed, tag, slot, 1)
        return assemble(movers.vehicle(generator, _ENGINE_HEAT_K, lights=True))

    def _build_person(self, tag: int, slot: int) -> tuple[Primitives, float, float]:
        generator = stream(self._seed, tag, slot, 1)
        phase = float(generator.uniform(0.0, 2.0 * math.pi))
        sway_m = float(generator.uniform(-0.35, 0.35))
        return assemble(movers.person(generator)), phase, sway_m


@lru_cache(maxsize=8192)
def _draw(seed: int, tag: int, slot: int) -> tuple[float, float]:
    generator = stream(seed, tag, slot)
    return float(generator.random()), float(generator.random())


def _stride(person: Primitives, phase_rad: float) -> Primitives:
    """Swing legs and arms: each limb leans about its upper end."""
    limbs = len(movers.LIMB_PHASES)
    swing = np.sin(phase_rad + np.array(movers.LIMB_PHASES, dtype=np.float32))
    lean_m = np.array([0.22, 0.22, 0.13, 0.13], dtype=np.float32) * swing
    centre, axes, inverse = person.centre.copy(), person.axes.copy(), person.inverse.copy()
    centre[-limbs:, 0] -= lean_m
    axes[-limbs:, 0, 2] += lean_m
    inverse[-limbs:, 0, 2] = -axes[-limbs:, 0, 2] * inverse[-limbs:, 0, 0] * inverse[-limbs:, 2, 2]
    return replace(person, centre=centre, axes=axes, inverse=inverse)
