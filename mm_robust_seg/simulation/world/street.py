# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The standing part of the street, generated chunk by chunk along x from a seed."""

from __future__ import annotations

from collections.abc import Iterator
import math

import numpy as np

from mm_robust_seg.simulation.world import catalogue, movers
from mm_robust_seg.simulation.world.arrays import Floats
from mm_robust_seg.simulation.world.noise import stream
from mm_robust_seg.simulation.world.primitives import assemble, join, Part, place, Primitives

CHUNK_M = 50.0
LANE_M = 3.0
ROAD_LEFT_M = 5.2
ROAD_RIGHT_M = -3.3
KERB_M = 0.2
SIDEWALK_M = 2.3
LAMP_SPACING_M = 25.0
LAMP_REACH_M = 1.0
LAMP_HEIGHT_M = 5.6
POLE_SETBACK_M = 0.45
CROSSING_PERIOD_M = 200.0
CROSSING_M = 9.0
_CROSSING_CLEARANCE_M = 13.0
_PARKING_SLOT_M = 7.5
_TAG_CHUNK = 1
_TAG_BEND = 2


def beside(side: float, setback_m: float) -> float:
    """Return the offset of a place ``setback_m`` off the road, left (+1) or right (-1)."""
    return ROAD_LEFT_M + setback_m if side > 0.0 else ROAD_RIGHT_M - setback_m


class Centreline:
    """The gently winding middle of the road, y as a function of x."""

    def __init__(self, seed: int) -> None:
        """Draw the bends from the seed."""
        generator = stream(seed, _TAG_BEND)
        self._amplitude_m = np.array([1.3, 6.0]) * generator.uniform(0.6, 1.2, 2)
        self._length_m = np.array([41.0, 97.0])
        self._phase = generator.uniform(0.0, 2.0 * math.pi, 2)

    def offset_m(self, x_m: Floats) -> Floats:
        """Return y of the centre at each x, any shape, float32."""
        total = np.zeros_like(x_m)
        for amplitude, length, phase in zip(
            self._amplitude_m, self._length_m, self._phase, strict=True
        ):
            total += np.float32(amplitude) * np.sin(x_m / np.float32(length) + np.float32(phase))
        return total

    def at(self, x_m: float) -> tuple[float, float]:
        """Return y in metres and the heading in radians of the centre at x."""
        argument = x_m / self._length_m + self._phase
        slope = float(np.sum(self._amplitude_m / self._length_m * np.cos(argument)))
        return float(np.sum(self._amplitude_m * np.sin(argument))), math.atan(slope)


class Plot:
    """One chunk being built: places things by (distance along the chunk, side offset)."""

    def __init__(self, centreline: Centreline, index: int, generator: np.random.Generator) -> None:
        """Start an empty chunk."""
        self._centreline = centreline
        self.start_m = index * CHUNK_M
        self.generator = generator
        self.groups: list[Primitives] = []

    def add(self, along_m: float, side_m: float, parts: list[Part], turn_rad: float = 0.0) -> None:
        """Stand parts at a place, turned with the road; crossings are kept free."""
        x_m = self.start_m + along_m
        if abs(side_m) > LANE_M and x_m % CROSSING_PERIOD_M < _CROSSING_CLEARANCE_M:
            return
        y_m, heading = self._centreline.at(x_m)
        x_m -= side_m * math.sin(heading)
        y_m += side_m * math.cos(heading)
        self.groups.append(place(assemble(parts), x_m, y_m, heading + turn_rad))


def build_chunk(seed: int, centreline: Centreline, index: int) -> Primitives:
    """Build everything that stands in chunk ``index``, x from index * CHUNK_M on."""
    generator = stream(seed, _TAG_CHUNK, index)
    plot = Plot(centreline, index, generator)
    for side in (-1.0, 1.0):
        character = generator.random()
        if character < 0.38:
            _add_block(plot, side)
        elif character < 0.66:
            _add_houses(plot, side)
        else:
            _add_park(plot, side)
    _add_parked_vehicles(plot)
    _add_lamps(plot, index)
    _add_signs(plot)
    return join(plot.groups)


def _steps(plot: Plot, low_m: float, high_m: float) -> Iterator[float]:
    """Yield places along the chunk with random steps between the two lengths."""
    along_m = float(plot.generator.uniform(0.0, high_m / 2))
    while along_m < CHUNK_M - low_m / 2:
        yield along_m
        along_m += float(plot.generator.uniform(low_m, high_m))


def _add_block(plot: Plot, side: float) -> None:
    """Add a row of town buildings and a few street trees."""
    generator = plot.generator
    along_m = 0.0
    while along_m < CHUNK_M - 6.0:
        width_m = min(float(generator.uniform(9.0, 17.0)), CHUNK_M - along_m)
        setback_m = float(generator.uniform(4.2, 8.5))
        if generator.random() < 0.88:
            parts = catalogue.building(generator, width_m)
            plot.add(along_m + width_m / 2, beside(side, setback_m + 6.0), parts)
        else:
            plot.add(along_m + width_m / 2, beside(side, 8.0), catalogue.tree(generator))
        along_m += width_m + float(generator.choice([0.05, 0.05, 2.5]))
    for place_m in _steps(plot, 9.0, 17.0):
        if generator.random() < 0.55:
            plot.add(place_m, beside(side, 3.3), catalogue.tree(generator))


def _add_houses(plot: Plot, side: float) -> None:
    """Add single houses with gable roofs behind hedges and trees."""
    generator = plot.generator
    for place_m in _steps(plot, 15.0, 20.0):
        turn_rad = 0.5 * math.pi * float(generator.integers(2))
        plot.add(place_m + 5.0, beside(side, 13.0), catalogue.house(generator), turn_rad)
        plot.add(place_m + 12.0, beside(side, 8.0), catalogue.tree(generator))
    for place_m in _steps(plot, 2.2, 4.5):
        if generator.random() < 0.75:
            plot.add(place_m, beside(side, 3.6), catalogue.bush(generator))


def _add_park(plot: Plot, side: float) -> None:
    """Add open ground with scattered trees and bushes."""
    generator = plot.generator
    for place_m in _steps(plot, 5.0, 10.0):
        plot.add(place_m, beside(side, generator.uniform(4.0, 20.0)), catalogue.tree(generator))
    for place_m in _steps(plot, 4.0, 9.0):
        plot.add(place_m, beside(side, generator.uniform(3.5, 11.0)), catalogue.bush(generator))


def _add_parked_vehicles(plot: Plot) -> None:
    """Park vehicles along the left side of the road."""
    generator = plot.generator
    for slot in range(int(CHUNK_M // _PARKING_SLOT_M)):
        if generator.random() < 0.5:
            place_m = (slot + 0.5) * _PARKING_SLOT_M + generator.uniform(-0.6, 0.6)
            heat_k = 9.0 if generator.random() < 0.25 else 0.0
            parts = movers.vehicle(generator, heat_k, lights=False)
            plot.add(place_m, 4.15, parts, math.pi + generator.uniform(-0.03, 0.03))


def _add_lamps(plot: Plot, index: int) -> None:
    for lamp in range(int(CHUNK_M // LAMP_SPACING_M)):
        side = lamp_side(index * int(CHUNK_M // LAMP_SPACING_M) + lamp)
        place_m = (lamp + 0.5) * LAMP_SPACING_M
        turn_rad = 0.0 if side < 0.0 else math.pi
        lamp_parts = catalogue.street_lamp(LAMP_HEIGHT_M, LAMP_REACH_M)
        plot.add(place_m, beside(side, POLE_SETBACK_M), lamp_parts, turn_rad)


def _add_signs(plot: Plot) -> None:
    generator = plot.generator
    for place_m in _steps(plot, 8.0, 18.0):
        side = -1.0 if generator.random() < 0.6 else 1.0
        plot.add(place_m, beside(side, POLE_SETBACK_M), catalogue.sign(generator))
    if generator.random() < 0.5:
        plot.add(generator.uniform(5, 45), beside(-1.0, POLE_SETBACK_M), catalogue.bollard())


def lamp_side(number: int) -> float:
    """Return the side of the road of a lamp: odd ones left (+1), even ones right (-1)."""
    return 1.0 if number % 2 else -1.0
