# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What surfaces are made of: texture, emissivity and how the sun warms them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from mm_robust_seg.simulation.world.arrays import Floats


class Material(IntEnum):
    """Materials of the street."""

    SKY = 0
    HILL = 1
    ASPHALT = 2
    MARKING = 3
    PAVING = 4
    KERB = 5
    GRASS = 6
    DIRT = 7
    FACADE = 8
    ROOF = 9
    LEAVES = 10
    BARK = 11
    PAINT = 12
    CABIN = 13
    PANEL = 14
    TYRE = 15
    SKIN = 16
    CLOTH = 17
    STEEL = 18
    LAMP = 19
    GLASS = 20


@dataclass(frozen=True)
class MaterialProperties:
    """Properties of one material.

    Attributes:
        texture_per_m: Texture frequency, noise tiles per metre.
        texture_strength: Relative deviation of the albedo.
        solar_gain_k: Warming above the air by the afternoon sun, kelvin.
        night_excess_k: Temperature above the air at night, kelvin.
        emissivity: Emissivity in the thermal band (8 to 14 um).
        body_share: 0 follows the air, 1 follows the body heat of a person.
    """

    texture_per_m: float
    texture_strength: float
    solar_gain_k: float
    night_excess_k: float
    emissivity: float
    body_share: float = 0.0


PROPERTIES: dict[Material, MaterialProperties] = {
    Material.SKY: MaterialProperties(0.0, 0.0, 0.0, 0.0, 1.0),
    Material.HILL: MaterialProperties(0.02, 0.12, 2.0, 0.0, 0.98),
    Material.ASPHALT: MaterialProperties(0.25, 0.10, 19.0, 4.0, 0.96),
    Material.MARKING: MaterialProperties(0.25, 0.08, 13.0, 3.5, 0.94),
    Material.PAVING: MaterialProperties(0.30, 0.09, 13.0, 3.0, 0.94),
    Material.KERB: MaterialProperties(0.30, 0.06, 12.0, 3.0, 0.94),
    Material.GRASS: MaterialProperties(0.35, 0.30, 4.5, -3.0, 0.97),
    Material.DIRT: MaterialProperties(0.30, 0.18, 12.0, -0.5, 0.95),
    Material.FACADE: MaterialProperties(0.22, 0.07, 9.0, 3.2, 0.93),
    Material.ROOF: MaterialProperties(0.40, 0.14, 24.0, -3.5, 0.92),
    Material.LEAVES: MaterialProperties(0.45, 0.42, 2.0, -0.8, 0.97),
    Material.BARK: MaterialProperties(0.60, 0.25, 4.0, 0.8, 0.95),
    Material.PAINT: MaterialProperties(0.05, 0.02, 13.0, -2.0, 0.88),
    Material.CABIN: MaterialProperties(0.05, 0.02, 14.0, -2.5, 0.86),
    Material.PANEL: MaterialProperties(0.15, 0.04, 10.0, -2.5, 0.80),
    Material.TYRE: MaterialProperties(0.30, 0.05, 9.0, 0.5, 0.95),
    Material.SKIN: MaterialProperties(0.90, 0.06, 0.5, 0.0, 0.98, 0.93),
    Material.CLOTH: MaterialProperties(0.90, 0.14, 3.0, 0.0, 0.95, 0.42),
    Material.STEEL: MaterialProperties(0.40, 0.06, 7.0, -1.2, 0.72),
    Material.LAMP: MaterialProperties(0.0, 0.0, 6.0, 4.0, 0.90),
    Material.GLASS: MaterialProperties(0.0, 0.0, 6.0, 0.5, 0.80),
}


def column(name: str) -> Floats:
    """Return one property of all materials as a table indexed by material, float32."""
    values = [getattr(PROPERTIES[material], name) for material in Material]
    return np.array(values, dtype=np.float32)
