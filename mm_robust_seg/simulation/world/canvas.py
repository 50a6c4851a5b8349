# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The buffer of nearest surfaces, and the backdrop it starts with: ground, sky and hills."""

from __future__ import annotations

import numpy as np

from mm_robust_seg.simulation.world.arrays import Bools, Floats, Ints
from mm_robust_seg.simulation.world.camera import Camera
from mm_robust_seg.simulation.world.materials import Material
from mm_robust_seg.simulation.world.noise import texture
from mm_robust_seg.simulation.world.primitives import FACES

Rect = tuple[int, int, int, int]
"""Rows top to bottom and columns left to right, ends excluded: (top, bottom, left, right)."""

TOP_FACE = 4
_HILL_M = 400.0
_HILL_FOOT = -0.0045


def backdrop_key(material: Material) -> int:
    """Return the surface key of a backdrop material (see ``world.BACKDROP``)."""
    return int(material) * FACES + TOP_FACE


class Canvas:
    """What each pixel sees: the largest inverse depth so far and the surface it belongs to.

    Attributes:
        inverse_m: 1 / depth in 1/m, 0 for the sky (H, W) float32.
        key: primitive index * FACES + face (H, W) int64.
        columns: Column numbers (W,) float32.
        rows: Row numbers (H,) float32.
    """

    def __init__(self, camera: Camera) -> None:
        """Start with the ground plane, the sky and a far line of hills."""
        self.columns = np.arange(camera.width_px, dtype=np.float32)
        self.rows = np.arange(camera.height_px, dtype=np.float32)
        slope = self.plane((0, camera.height_px, 0, camera.width_px), camera.rays[2])
        self.inverse_m = slope * np.float32(-1.0 / camera.position[2])
        self.key = np.full(slope.shape, backdrop_key(Material.ASPHALT), dtype=np.int64)
        self.key[self.inverse_m <= 0.0] = backdrop_key(Material.SKY)
        np.maximum(self.inverse_m, 0.0, out=self.inverse_m)
        hill = (slope > _HILL_FOOT) & (slope < self._ridge(camera))
        self.inverse_m[hill] = 1.0 / _HILL_M
        self.key[hill] = backdrop_key(Material.HILL)

    def _ridge(self, camera: Camera) -> Floats:
        """Return how high the hills rise in each column, as a slope (W,)."""
        middle = (camera.height_px // 2, camera.height_px // 2 + 1, 0, camera.width_px)
        ahead = self.plane(middle, camera.rays[0])[0]
        left = self.plane(middle, camera.rays[1])[0]
        bearing_px = left / np.maximum(ahead, 0.1) * 150.0
        return 0.045 + 0.016 * texture(bearing_px, np.zeros_like(bearing_px))

    def plane(self, rect: Rect, form: Floats) -> Floats:
        """Evaluate a linear form (a, b, c), a * u + b * v + c, over a rectangle."""
        top, bottom, left, right = rect
        across = form[0] * self.columns[left:right]
        along = form[1] * self.rows[top:bottom] + form[2]
        values: Floats = across[None, :] + along[:, None]
        return values

    def draw(self, rect: Rect, inverse_m: Floats, hit: Bools, key: Ints | int) -> None:
        """Write the pixels of a rectangle that are hit and nearer than what is there."""
        top, bottom, left, right = rect
        depth_view = self.inverse_m[top:bottom, left:right]
        nearer = hit & (inverse_m > depth_view)
        np.copyto(depth_view, inverse_m, where=nearer)
        np.copyto(self.key[top:bottom, left:right], key, where=nearer)

    def scatter(self, pixel: Ints, inverse_m: Floats, key: Ints) -> None:
        """Write single pixels (flat index, repeats allowed) where they are nearer."""
        nearer = np.flatnonzero(inverse_m > self.inverse_m.ravel()[pixel])
        nearer = nearer[np.argsort(inverse_m[nearer], kind='stable')]
        self.inverse_m.ravel()[pixel[nearer]] = inverse_m[nearer]
        self.key.ravel()[pixel[nearer]] = key[nearer]
