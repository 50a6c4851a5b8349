# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Recipes for the things that stand in the street, each a list of parts around its own origin."""

from __future__ import annotations

import numpy as np

from mm_robust_seg.simulation.classes import SceneClass
from mm_robust_seg.simulation.world.materials import Material
from mm_robust_seg.simulation.world.primitives import Part, RgbColour, Shape

_FACADES: tuple[RgbColour, ...] = (
    (0.42, 0.22, 0.15),
    (0.55, 0.47, 0.36),
    (0.60, 0.57, 0.52),
    (0.38, 0.38, 0.40),
    (0.58, 0.42, 0.26),
    (0.33, 0.18, 0.14),
    (0.48, 0.52, 0.50),
)
_ROOFS: tuple[RgbColour, ...] = ((0.30, 0.11, 0.07), (0.10, 0.10, 0.11), (0.20, 0.12, 0.09))
_STEEL: RgbColour = (0.20, 0.21, 0.21)


def choose(generator: np.random.Generator, colours: tuple[RgbColour, ...]) -> RgbColour:
    """Pick a colour and vary its brightness a little."""
    red, green, blue = colours[int(generator.integers(len(colours)))]
    shade = float(generator.uniform(0.85, 1.15))
    return red * shade, green * shade, blue * shade


def building(generator: np.random.Generator, width_m: float) -> list[Part]:
    """Return a flat-roofed town building, 12 m deep."""
    height_m = 3.0 * int(generator.integers(2, 7)) + 0.8
    half = (width_m / 2, 6.0, height_m / 2)
    return [
        Part(
            Shape.BOX,
            (0.0, 0.0, height_m / 2),
            half,
            Material.FACADE,
            SceneClass.BUILDING,
            choose(generator, _FACADES),
            heat_k=float(generator.uniform(-1.0, 1.5)),
        )
    ]


def house(generator: np.random.Generator) -> list[Part]:
    """Return a house with a gable roof."""
    height_m = 3.0 * int(generator.integers(1, 3)) + 0.3
    length_m, depth_m = float(generator.uniform(4.0, 5.5)), float(generator.uniform(3.2, 4.2))
    wall = choose(generator, _FACADES)
    return [
        Part(
            Shape.BOX,
            (0.0, 0.0, height_m / 2),
            (length_m, depth_m, height_m / 2),
            Material.FACADE,
            SceneClass.BUILDING,
            wall,
            heat_k=float(generator.uniform(-1.0, 2.0)),
        ),
        Part(
            Shape.GABLE,
            (0.0, 0.0, height_m + 1.5),
            (length_m + 0.4, depth_m + 0.5, 1.5),
            Material.ROOF,
            SceneClass.BUILDING,
            choose(generator, _ROOFS),
        ),
    ]


def _leaves(generator: np.random.Generator) -> RgbColour:
    yellow = float(generator.uniform(0.0, 0.05))
    return 0.055 + yellow, 0.125 + 0.6 * yellow, 0.035


def tree(generator: np.random.Generator) -> list[Part]:
    """Return a tree: a trunk and a crown of three leafy ellipsoids."""
    scale = float(generator.uniform(0.75, 1.35))
    crown_m = 2.2 * scale + 1.2
    colour = _leaves(generator)
    parts = [
        Part(
            Shape.CYLINDER,
            (0.0, 0.0, crown_m / 2),
            (0.15 * scale, 0.15 * scale, crown_m / 2),
            Material.BARK,
            SceneClass.VEGETATION,
            (0.10, 0.075, 0.055),
        )
    ]
    for lift_m, unit_radius_m in ((0.3, 1.5), (1.3, 1.55), (2.3, 1.05)):
        shift = generator.uniform(-0.45, 0.45, 2)
        radius_m = unit_radius_m * scale
        parts.append(
            Part(
                Shape.FOLIAGE,
                (float(shift[0]), float(shift[1]), crown_m + lift_m * scale),
                (radius_m, radius_m * 1.05, radius_m * 0.85),
                Material.LEAVES,
                SceneClass.VEGETATION,
                colour,
            )
        )
    return parts


def bush(generator: np.random.Generator) -> list[Part]:
    """Return a bush or a piece of hedge."""
    height_m = float(generator.uniform(0.45, 0.95))
    half = (float(generator.uniform(0.7, 1.6)), float(generator.uniform(0.5, 0.9)), height_m)
    return [
        Part(
            Shape.FOLIAGE,
            (0.0, 0.0, height_m * 0.75),
            half,
            Material.LEAVES,
            SceneClass.VEGETATION,
            _leaves(generator),
        )
    ]


def _steel(centre_m: tuple[float, float, float], radius_m: float, half_m: float) -> Part:
    return Part(
        Shape.CYLINDER,
        centre_m,
        (radius_m, radius_m, half_m),
        Material.STEEL,
        SceneClass.POLE,
        _STEEL,
    )


def street_lamp(height_m: float, reach_m: float) -> list[Part]:
    """Return a lamp whose head reaches ``reach_m`` to the left of its pole."""
    return [
        _steel((0.0, 0.0, height_m / 2), 0.095, height_m / 2),
        Part(
            Shape.BOX,
            (0.0, reach_m / 2, height_m),
            (0.04, reach_m / 2, 0.04),
            Material.STEEL,
            SceneClass.POLE,
            _STEEL,
        ),
        Part(
            Shape.BOX,
            (0.0, reach_m, height_m),
            (0.14, 0.32, 0.06),
            Material.LAMP,
            SceneClass.POLE,
            (0.5, 0.5, 0.5),
            emission=1.6,
        ),
    ]


def sign(generator: np.random.Generator) -> list[Part]:
    """Return a traffic sign on a pole, facing the traffic that drives forward."""
    colours: tuple[RgbColour, ...] = ((0.55, 0.04, 0.04), (0.04, 0.12, 0.50), (0.60, 0.45, 0.03))
    height_m = float(generator.uniform(2.3, 2.8))
    return [
        _steel((0.0, 0.0, height_m / 2), 0.055, height_m / 2),
        Part(
            Shape.BOX,
            (-0.06, 0.0, height_m),
            (0.02, 0.36, 0.36),
            Material.STEEL,
            SceneClass.POLE,
            choose(generator, colours),
        ),
    ]


def bollard() -> list[Part]:
    """Return a short post."""
    return [_steel((0.0, 0.0, 0.5), 0.07, 0.5)]
