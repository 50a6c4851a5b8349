# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Varied samples for training: random worlds, hours, weather and places."""

from __future__ import annotations

from collections.abc import Iterator
import math

import numpy as np

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.simulation.cameras import Capture, SimulatedCameras
from mm_robust_seg.simulation.world.conditions import Conditions
from mm_robust_seg.simulation.world.noise import stream
from mm_robust_seg.simulation.world.world import checked_seed, World

_TAG_SAMPLE = 61
_SAMPLES_PER_DRIVE = 4
_LATEST_S = 3600.0


def sample_captures(
    count: int, seed: int, width_px: int = 320, height_px: int = 240
) -> Iterator[Capture]:
    """Yield ``count`` captures, four from each random world, set of cameras and weather.

    The n-th capture depends on the seed, the size and n alone.

    Raises:
        ConfigError: The count is negative, or the seed or size is outside its range.
    """
    if count < 0:
        raise ConfigError(f'count is {count}, expected 0 or more')
    checked_seed(seed)
    for number in range(count):
        drive, place = divmod(number, _SAMPLES_PER_DRIVE)
        if place == 0:
            generator = stream(seed, _TAG_SAMPLE, drive)
            world = World(int(generator.integers(1 << 31)))
            conditions = random_conditions(generator)
            camera_seed = int(generator.integers(1 << 31))
            cameras = SimulatedCameras(world, conditions, width_px, height_px, camera_seed)
            times_s = generator.uniform(0.0, _LATEST_S, _SAMPLES_PER_DRIVE)
        yield cameras.capture(float(times_s[place]))


def random_conditions(generator: np.random.Generator) -> Conditions:
    """Draw conditions: about 55 % day, 35 % night, 10 % dawn or dusk; a quarter has fog."""
    kind = generator.random()
    if kind < 0.55:
        hour = float(generator.uniform(7.5, 16.5))
    elif kind < 0.90:
        hour = float(generator.uniform(19.0, 29.0)) % 24.0
    else:
        hour = float(generator.choice([6.3, 17.7]) + generator.uniform(-0.7, 0.7))
    foggy = generator.random() < 0.25
    visibility_m = math.exp(generator.uniform(math.log(25.0), math.log(300.0)))
    glaring = generator.random() < 0.2
    return Conditions(
        time_of_day_h=hour,
        fog_visibility_m=visibility_m if foggy else math.inf,
        glare=float(generator.uniform(0.3, 1.0)) if glaring else 0.0,
        street_light=float(generator.choice([0.0, 0.5, 1.0])),
        air_temperature_k=float(generator.uniform(272.0, 297.0)),
    )
