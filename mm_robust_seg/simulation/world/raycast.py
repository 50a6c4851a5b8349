# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Find the nearest surface of every pixel.

Along a ray ``camera + t * direction(u, v)`` the inverse distance to a plane is linear in the
pixel (u, v), and the discriminant of a quadric is a quadratic polynomial in it. So the canvas
holds inverse depth, and each primitive costs a few additions inside its bounding rectangle.
"""

from __future__ import annotations

import numpy as np

from mm_robust_seg.simulation.world.arrays import Floats, Ints
from mm_robust_seg.simulation.world.camera import Camera
from mm_robust_seg.simulation.world.canvas import Canvas
from mm_robust_seg.simulation.world.primitives import FACES, PLANES, Primitives, Shape
from mm_robust_seg.simulation.world.quadrics import cast_quadrics

_NEAR_M = 0.25
_FAR_OFF_PX = 1 << 20
_CORNERS: Floats = np.array(
    [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float32
)


def cast(camera: Camera, scene: Primitives, backdrop_count: int) -> Canvas:
    """Cast all rays.

    Args:
        camera: The posed camera.
        scene: All primitives.
        backdrop_count: How many leading primitives are backdrop and not cast.
    """
    canvas = Canvas(camera)
    rects = _bounding_rects(camera, scene)
    rects[:backdrop_count] = 0
    seen = (rects[:, 1] > rects[:, 0]) & (rects[:, 3] > rects[:, 2])
    convex = scene.shape <= int(Shape.GABLE)
    _cast_convex(canvas, camera, scene, np.flatnonzero(seen & convex), rects)
    cast_quadrics(canvas, camera, scene, np.flatnonzero(seen & ~convex), rects)
    return canvas


def _bounding_rects(camera: Camera, scene: Primitives) -> Ints:
    """Return (top, bottom, left, right) of each primitive, empty when out of sight (N, 4)."""
    offset = scene.centre - camera.position
    corners = offset[:, None, :] + _CORNERS @ scene.axes.transpose(0, 2, 1)
    pixels = corners @ camera.project.T
    depth = pixels[..., 2]
    behind = depth < _NEAR_M
    place = pixels[..., :2] / np.maximum(depth, _NEAR_M)[..., None]
    low = np.ceil(place.min(axis=1)).astype(np.int64)
    high = np.floor(place.max(axis=1)).astype(np.int64) + 1
    crossing = behind.any(axis=1)
    low[crossing] = 0
    high[crossing] = _FAR_OFF_PX
    high[behind.all(axis=1)] = 0
    rects = np.stack([low[:, 1], high[:, 1], low[:, 0], high[:, 0]], axis=1)
    height, width = camera.height_px, camera.width_px
    clipped: Ints = np.clip(rects, 0, np.array([height, height, width, width]))
    return clipped


def _cast_convex(
    canvas: Canvas, camera: Camera, scene: Primitives, index: Ints, rects: Ints
) -> None:
    """Draw convex bodies: nearest is the farthest of the planes that face the camera.

    A ray enters through the last of those planes and misses if it leaves through any other
    plane before.
    """
    planes = PLANES[scene.shape[index]]
    normals = planes[..., :3] @ scene.inverse[index]
    offset = camera.position - scene.centre[index]
    room = planes[..., 3] - (normals @ offset[:, :, None])[..., 0]
    room = np.where(np.abs(room) < 1e-4, np.float32(1e-4), room)
    forms = (normals @ camera.rays) / room[..., None]
    facing = (room < 0.0).tolist()
    for row, (number, (top, bottom, left, right)) in enumerate(
        zip(index.tolist(), rects[index].tolist(), strict=True)
    ):
        front = [face for face in range(FACES) if facing[row][face]]
        if not front:
            continue
        rect = (top, bottom, left, right)
        near = canvas.plane(rect, forms[row, front[0]])
        key: Ints | int = number * FACES + front[0]
        for face in front[1:]:
            other = canvas.plane(rect, forms[row, face])
            key = np.where(other < near, number * FACES + face, key)
            np.minimum(near, other, out=near)
        hit = near > 0.0
        for face in range(FACES):
            if not facing[row][face]:
                hit &= near > canvas.plane(rect, forms[row, face])
        canvas.draw(rect, near, hit, key)
