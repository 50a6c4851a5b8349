# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Patterns on surfaces: lanes and slabs, windows, the panes and lamps of vehicles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_robust_seg.simulation.world.arrays import Bools, Floats, Ints
from mm_robust_seg.simulation.world.materials import Material
from mm_robust_seg.simulation.world.noise import hash01, texture
from mm_robust_seg.simulation.world.primitives import Primitives
from mm_robust_seg.simulation.world.street import (
    CROSSING_M,
    CROSSING_PERIOD_M,
    KERB_M,
    LANE_M,
    ROAD_LEFT_M,
    ROAD_RIGHT_M,
    SIDEWALK_M,
)

_FLOOR_M = 3.0
_BAY_M = 2.4
_LIT_WINDOWS = 0.3
_BONNET_M = 1.3
_GLASS_ALBEDO: Floats = np.array([0.020, 0.025, 0.030], dtype=np.float32)
_WINDOW_LIGHT: Floats = np.array([0.34, 0.24, 0.12], dtype=np.float32)
_LAMP_LIGHT: Floats = np.array([1.0, 0.82, 0.55], dtype=np.float32)
_HEAD_LIGHT: Floats = np.array([1.6, 1.5, 1.3], dtype=np.float32)
_TAIL_LIGHT: Floats = np.array([0.55, 0.02, 0.015], dtype=np.float32)
_FRONT, _REAR, _TOP = 0, 1, 4


@dataclass(frozen=True)
class Pixels:
    """The per-pixel arrays that patterns read and paint over (N pixels)."""

    number: Ints
    face: Ints
    depth_m: Floats
    u_m: Floats
    v_m: Floats
    height_m: Floats
    material: Ints
    albedo: Floats
    emission: Floats
    heat_k: Floats

    def glaze(self, index: Ints) -> None:
        """Turn pixels into window glass."""
        self.material[index] = Material.GLASS
        self.albedo[:, index] = _GLASS_ALBEDO[:, None]


def _phase(value: Floats, period: float) -> Floats:
    """Return the position within a period, 0 to 1."""
    turns = value * np.float32(1.0 / period)
    phase: Floats = turns - np.floor(turns)
    return phase


def ground_cover(x_m: Floats, lateral_m: Floats) -> Ints:
    """Return the material of points on the ground from road coordinates."""
    side_m = np.abs(lateral_m)
    crossing_m = _phase(x_m, CROSSING_PERIOD_M) * CROSSING_PERIOD_M
    crossing = crossing_m < CROSSING_M
    zebra = (crossing_m > CROSSING_PERIOD_M - 4.0) & (crossing_m < CROSSING_PERIOD_M - 1.2)
    on_zebra = zebra & (_phase(lateral_m, 1.0) < 0.5)
    dash = (side_m < 0.08) & (_phase(x_m, 6.0) < 0.5)
    edge = (np.abs(side_m - LANE_M) < 0.06) & (_phase(x_m, 1.5) < 0.7)
    marked = np.where(zebra, on_zebra, dash | edge) & ~crossing

    cover = np.where(marked, int(Material.MARKING), int(Material.ASPHALT))
    setback_m = np.maximum(lateral_m - ROAD_LEFT_M, ROAD_RIGHT_M - lateral_m)
    beside = (setback_m > 0.0) & ~crossing
    cover[beside] = Material.PAVING
    cover[beside & (setback_m < KERB_M)] = Material.KERB
    field = np.flatnonzero(beside & (setback_m > SIDEWALK_M + KERB_M))
    bare = texture(x_m[field] * 5.0, lateral_m[field] * 5.0) > 0.75
    cover[field] = np.where(bare, int(Material.DIRT), int(Material.GRASS))
    return cover


def paint_ground(pixels: Pixels, index: Ints, x_m: Floats, lateral_m: Floats) -> None:
    """Add worn patches to the ground and joints to the sidewalk."""
    patches = 1.0 + 0.09 * texture(x_m * 11.0, lateral_m * 11.0)
    joint = (_phase(x_m, 1.2) < 0.035) | (_phase(lateral_m, 0.8) < 0.05)
    near = (pixels.material[index] == Material.PAVING) & (pixels.depth_m[index] < 14.0)
    patches *= np.where(joint & near, np.float32(0.72), np.float32(1.0))
    pixels.albedo[:, index] *= patches


def paint_facades(pixels: Pixels) -> None:
    """Put windows into walls; some of them are lit."""
    index = np.flatnonzero(pixels.material == Material.FACADE)
    upright = pixels.face[index] < _TOP
    u, v = pixels.u_m[index] / _BAY_M, pixels.height_m[index] / _FLOOR_M
    bay, floor = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    across, up = u - bay, v - floor
    number = pixels.number[index]
    wide = (number & 1) * np.float32(0.12)
    window = (np.abs(across - 0.5) < 0.21 + wide) & (up > 0.33) & (up < 0.80) & upright
    door = (floor == 0) & (bay % 3 == 0) & (np.abs(across - 0.5) < 0.2) & (up < 0.75) & upright
    frame = (np.abs(across - 0.5) < 0.25 + wide) & (up > 0.28) & (up < 0.84) & upright
    pixels.albedo[:, index[frame]] *= 1.3
    pixels.albedo[:, index[door]] *= 0.35
    glass = window & ~door
    pixels.glaze(index[glass])
    lit = hash01(bay[glass], floor[glass], number[glass] * 0 + 7)
    level = np.where(lit < _LIT_WINDOWS, 0.4 + 2.0 * lit, 0.0).astype(np.float32)
    pixels.emission[:, index[glass]] = _WINDOW_LIGHT[:, None] * level


def paint_vehicles(pixels: Pixels, scene: Primitives) -> None:
    """Paint panes, sills, lamps and the warm bonnet of vehicles."""
    cabin = np.flatnonzero(pixels.material == Material.CABIN)
    pixels.glaze(cabin[_panes(pixels, cabin, scene)])
    body = np.flatnonzero(pixels.material == Material.PAINT)
    u, v, face = np.abs(pixels.u_m[body]), pixels.height_m[body], pixels.face[body]
    number = pixels.number[body]
    sill = v < 0.36
    pixels.albedo[:, body[sill]] = 0.03
    lamp = (u > 0.5) & (u < 0.82) & (v > 0.48) & (v < 0.74)
    for side, albedo, light in (
        (_FRONT, (0.6, 0.6, 0.58), _HEAD_LIGHT),
        (_REAR, (0.35, 0.02, 0.02), _TAIL_LIGHT),
    ):
        shown = lamp & (face == side)
        pixels.albedo[:, body[shown]] = np.array(albedo, dtype=np.float32)[:, None]
        glow = scene.emission[number[shown]]
        pixels.emission[:, body[shown]] = light[:, None] * glow
    plate = (u < 0.26) & (v > 0.44) & (v < 0.56) & (face <= _REAR)
    pixels.albedo[:, body[plate]] = 0.5
    pixels.heat_k[body] *= _engine_share(pixels, body, scene)


def _panes(pixels: Pixels, cabin: Ints, scene: Primitives) -> Bools:
    """Return which cabin pixels are glass: all but the roof, its edge and the pillars."""
    u, face, number = pixels.u_m[cabin], pixels.face[cabin], pixels.number[cabin]
    roof_m = (scene.centre[:, 2] + scene.axes[:, 2, 2])[number]
    pillar = (np.abs(u + 0.15) < 0.05) & (face > _REAR)
    panes: Bools = (face < _TOP) & ~pillar & (pixels.height_m[cabin] < roof_m - 0.09)
    return panes


def _engine_share(pixels: Pixels, body: Ints, scene: Primitives) -> Floats:
    """Return how much of the engine's heat reaches a pixel of the painted body."""
    face, number = pixels.face[body], pixels.number[body]
    half_m = np.linalg.norm(scene.axes[:, :2, 0], axis=1)[number]
    bonnet = np.clip((pixels.u_m[body] - half_m + _BONNET_M) / 0.5, 0.0, 1.0)
    share: Floats = np.full(len(body), 0.14, dtype=np.float32)
    share = np.where(face == _FRONT, np.float32(0.8), share)
    share = np.where(face == _TOP, 0.1 + 0.9 * bonnet, share)
    share = np.where((face == _REAR) & (pixels.height_m[body] < 0.45), np.float32(0.6), share)
    return share.astype(np.float32)


def light_lamps(pixels: Pixels, scene: Primitives) -> None:
    """Let the heads of street lamps shine."""
    index = np.flatnonzero(pixels.material == Material.LAMP)
    pixels.emission[:, index] = _LAMP_LIGHT[:, None] * scene.emission[pixels.number[index]]
