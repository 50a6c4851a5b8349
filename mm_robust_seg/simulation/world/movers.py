# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Recipes for the things that move: vehicles and people, parts around their own origin."""

from __future__ import annotations

import math

import numpy as np

from mm_robust_seg.simulation.classes import SceneClass
from mm_robust_seg.simulation.world.catalogue import choose
from mm_robust_seg.simulation.world.materials import Material
from mm_robust_seg.simulation.world.primitives import Part, RgbColour, Shape

_PAINTS: tuple[RgbColour, ...] = (
    (0.62, 0.62, 0.62),
    (0.05, 0.05, 0.06),
    (0.28, 0.29, 0.31),
    (0.42, 0.03, 0.03),
    (0.04, 0.09, 0.30),
    (0.55, 0.53, 0.46),
    (0.08, 0.22, 0.14),
    (0.60, 0.38, 0.04),
)
_CLOTHES: tuple[RgbColour, ...] = (
    (0.04, 0.05, 0.08),
    (0.10, 0.12, 0.25),
    (0.40, 0.05, 0.05),
    (0.35, 0.33, 0.28),
    (0.06, 0.06, 0.06),
    (0.55, 0.40, 0.06),
    (0.12, 0.25, 0.18),
    (0.50, 0.50, 0.52),
)
_SKINS: tuple[RgbColour, ...] = ((0.50, 0.30, 0.22), (0.30, 0.16, 0.10), (0.58, 0.38, 0.29))
_RUBBER: RgbColour = (0.025, 0.025, 0.027)


LIMB_PHASES = (0.0, math.pi, math.pi, 0.0)
"""Walking phases of the last four parts of a person: two legs, two arms."""


def vehicle(generator: np.random.Generator, heat_k: float, *, lights: bool) -> list[Part]:
    """Return a car, van or lorry facing +x.

    Args:
        generator: Source of its looks.
        heat_k: Warmth of the engine above the air in kelvin; wheels get a part of it.
        lights: Whether head and tail lights burn in the dark.
    """
    paint = choose(generator, _PAINTS)
    glow = 1.0 if lights else 0.0
    kind = generator.random()
    if kind < 0.68:
        return _car(generator, paint, heat_k, glow)
    return _van(paint, heat_k, glow) if kind < 0.86 else _lorry(generator, paint, heat_k, glow)


def _body(
    shape: Shape,
    x_m: tuple[float, float],
    z_m: tuple[float, float],
    half_width_m: float,
    material: Material,
    paint: RgbColour,
    heat_k: float = 0.0,
    glow: float = 0.0,
) -> Part:
    """Return a body part between two x and two z."""
    return Part(
        shape,
        ((x_m[0] + x_m[1]) / 2, 0.0, (z_m[0] + z_m[1]) / 2),
        ((x_m[1] - x_m[0]) / 2, half_width_m, (z_m[1] - z_m[0]) / 2),
        material,
        SceneClass.VEHICLE,
        paint,
        heat_k,
        glow,
    )


def _wheels(
    axle_m: tuple[float, float], side_m: float, radius_m: float, heat_k: float
) -> list[Part]:
    return [
        Part(
            Shape.ELLIPSOID,
            (x_m, side * side_m, radius_m),
            (radius_m, 0.14, radius_m),
            Material.TYRE,
            SceneClass.VEHICLE,
            _RUBBER,
            heat_k=0.7 * heat_k,
        )
        for x_m in axle_m
        for side in (-1.0, 1.0)
    ]


def _car(
    generator: np.random.Generator, paint: RgbColour, heat_k: float, glow: float
) -> list[Part]:
    half = float(generator.uniform(1.9, 2.25))
    top_m = float(generator.uniform(1.42, 1.65))
    rear_m = -half + float(generator.choice([0.12, 0.12, 0.7]))
    return [
        _body(Shape.BOX, (-half, half), (0.24, 0.66), 0.88, Material.PAINT, paint, heat_k, glow),
        _body(
            Shape.CABIN,
            (-half + 0.03, half - 0.03),
            (0.66, 0.95),
            0.88,
            Material.PAINT,
            paint,
            heat_k,
            glow,
        ),
        _body(Shape.CABIN, (rear_m, half - 0.95), (0.92, top_m), 0.80, Material.CABIN, paint),
        *_wheels((-half + 0.75, half - 0.8), 0.80, 0.33, heat_k),
    ]


def _van(paint: RgbColour, heat_k: float, glow: float) -> list[Part]:
    return [
        _body(Shape.BOX, (-2.5, 2.5), (0.3, 1.1), 0.98, Material.PAINT, paint, heat_k, glow),
        _body(Shape.CABIN, (-2.5, 2.2), (1.1, 2.25), 0.98, Material.CABIN, paint),
        *_wheels((-1.6, 1.7), 0.90, 0.36, heat_k),
    ]


def _lorry(
    generator: np.random.Generator, paint: RgbColour, heat_k: float, glow: float
) -> list[Part]:
    cargo = choose(generator, ((0.58, 0.58, 0.56), (0.45, 0.43, 0.38), (0.10, 0.20, 0.36)))
    return [
        _body(Shape.BOX, (1.5, 3.2), (0.4, 1.3), 1.05, Material.PAINT, paint, heat_k, glow),
        _body(Shape.CABIN, (1.5, 3.2), (1.3, 2.4), 1.05, Material.CABIN, paint),
        _body(Shape.BOX, (-3.2, 1.4), (0.75, 3.0), 1.1, Material.PANEL, cargo),
        _body(Shape.BOX, (-3.25, 1.4), (0.4, 0.75), 1.0, Material.PAINT, paint, 0.0, glow),
        *_wheels((-2.0, 2.3), 0.95, 0.45, heat_k),
    ]


def person(generator: np.random.Generator) -> list[Part]:
    """Return a standing person facing +x; the last four parts are legs and arms."""
    height_m = float(generator.uniform(1.50, 1.92))
    hip_m = 0.5 * height_m
    skin, hair = choose(generator, _SKINS), (0.06, 0.04, 0.03)
    coat, trousers = choose(generator, _CLOTHES), choose(generator, _CLOTHES)

    def ellipsoid(
        centre_m: tuple[float, float, float],
        half_m: tuple[float, float, float],
        material: Material,
        colour: RgbColour,
    ) -> Part:
        return Part(Shape.ELLIPSOID, centre_m, half_m, material, SceneClass.PERSON, colour)

    def leg(y_m: float) -> Part:
        half_m = (0.07, 0.075, hip_m / 2)
        centre_m = (0.0, y_m, hip_m / 2)
        return Part(Shape.CYLINDER, centre_m, half_m, Material.CLOTH, SceneClass.PERSON, trousers)

    cloth, flesh = Material.CLOTH, Material.SKIN
    return [
        ellipsoid((0.03, 0.0, height_m - 0.14), (0.095, 0.08, 0.125), flesh, skin),
        ellipsoid((-0.02, 0.0, height_m - 0.10), (0.10, 0.09, 0.10), cloth, hair),
        ellipsoid((0.0, 0.0, height_m * 0.69), (0.14, 0.22, height_m * 0.165), cloth, coat),
        ellipsoid((0.0, 0.0, hip_m), (0.135, 0.18, 0.17), cloth, trousers),
        leg(-0.1),
        leg(0.1),
        ellipsoid((0.0, -0.25, hip_m * 1.26), (0.06, 0.06, 0.32), cloth, coat),
        ellipsoid((0.0, 0.25, hip_m * 1.26), (0.06, 0.06, 0.32), cloth, coat),
    ]
