# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The depth camera: limited range, noise that grows with range, holes where nothing returns."""

from __future__ import annotations

import cv2
import numpy as np

from mm_robust_seg.simulation.world.arrays import Bools, Floats, Words
from mm_robust_seg.simulation.world.camera import Camera
from mm_robust_seg.simulation.world.conditions import Conditions
from mm_robust_seg.simulation.world.materials import Material
from mm_robust_seg.simulation.world.noise import gaussian
from mm_robust_seg.simulation.world.surfaces import Surfaces

RANGE_M = 30.0
_NEAREST_M = 0.4
_NOISE_PER_M = 0.0014
"""Standard deviation is this times the square of the depth in metres."""
_FOG_LOSS = 1.6
_EDGE_PER_M = 0.022
_OCCLUSION_PX = 5
_DARK_ALBEDO = 0.045
_DARK_LOSS = 0.3
_SPECKLE_LOSS = 0.006
_GLASS_SHARE = 0.06


def measure(
    camera: Camera,
    surfaces: Surfaces,
    conditions: Conditions,
    generator: np.random.Generator,
) -> Words:
    """Take a depth picture, (H, W) uint16 in mm; 0 where nothing returns."""
    shape = (camera.height_px, camera.width_px)
    true_m = surfaces.depth_m.reshape(shape)
    noise = gaussian(generator, *shape)
    smooth = cv2.blur(gaussian(generator, *shape), (5, 5))
    measured_m = true_m + (np.float32(_NOISE_PER_M) * true_m * true_m) * (
        0.5 * noise + 3.0 * smooth
    )
    valid = _returns(surfaces, conditions, generator).reshape(shape)
    valid &= (measured_m > _NEAREST_M) & (measured_m < RANGE_M) & (true_m < RANGE_M)
    valid &= ~_edges(true_m)
    depth_mm = np.where(valid, measured_m * 1000.0, 0.0)
    return depth_mm.astype(np.uint16)


def _returns(surfaces: Surfaces, conditions: Conditions, generator: np.random.Generator) -> Bools:
    """Draw which pixels send enough light back (N,)."""
    lost = np.float32(_SPECKLE_LOSS) + np.float32(_DARK_LOSS) * (
        surfaces.albedo.max(axis=0) < _DARK_ALBEDO
    )
    chance = (1.0 - lost) * np.exp(
        surfaces.depth_m * np.float32(-_FOG_LOSS * conditions.extinction_per_m)
    )
    chance *= np.where(surfaces.material == int(Material.GLASS), np.float32(_GLASS_SHARE), 1.0)
    drawn = generator.random(len(chance), dtype=np.float32)
    returned: Bools = (drawn < chance) & ~surfaces.sky
    return returned


def _edges(true_m: Floats) -> Bools:
    """Find what lies right beside nearer things, where the two views do not overlap."""
    inverse = 1.0 / true_m
    kernel = np.ones((3, _OCCLUSION_PX), dtype=np.uint8)
    hidden: Bools = cv2.dilate(inverse, kernel) - inverse > _EDGE_PER_M
    return hidden
