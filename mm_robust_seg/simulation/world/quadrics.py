# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Cast rays at ellipsoids, cylinders and leafy crowns, many of one size at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm_robust_seg.simulation.world.arrays import Bools, Floats, Ints
from mm_robust_seg.simulation.world.camera import Camera
from mm_robust_seg.simulation.world.canvas import Canvas
from mm_robust_seg.simulation.world.noise import texture, TILE_PX
from mm_robust_seg.simulation.world.primitives import FACES, Primitives, Shape

_SMALLEST_TILE_PX = 8
_BATCH_PX = 1 << 16
_CLOSEST = 1e-3
_LEAF_TILES_PER_RADIUS = 0.35
_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Quadrics:
    """Quadrics in unit space; rays start at the top left pixel of each bounding rectangle.

    With inverse depth w the nearest hit is (sqrt(discriminant) - linear) / outside, where the
    discriminant is a quadratic form and linear a linear form of the pixel (u, v, 1).
    """

    number: Ints
    shape: Ints
    rect: Ints
    origin: _Doubles
    rays: _Doubles
    outside: _Doubles
    linear: _Doubles
    form: _Doubles
    peak: _Doubles


def cast_quadrics(
    canvas: Canvas, camera: Camera, scene: Primitives, index: Ints, rects: Ints
) -> None:
    """Draw the quadrics ``index`` of the scene onto the canvas."""
    quadrics = _prepare(camera, scene, index, rects[index])
    size = quadrics.rect[:, 1::2] - quadrics.rect[:, 0::2]
    steps = np.ceil(np.log2(np.maximum(size, _SMALLEST_TILE_PX))).astype(np.int64)
    groups = steps[:, 0] * 1024 + steps[:, 1] * 32 + quadrics.shape
    reachable = quadrics.outside > _CLOSEST
    for group in np.unique(groups[reachable]).tolist():
        members = np.flatnonzero((groups == group) & reachable)
        height, width = size[members].max(axis=0).tolist()
        batch = max(1, _BATCH_PX // (height * width))
        for start in range(0, len(members), batch):
            _cast_tiles(canvas, quadrics, members[start : start + batch], height, width)


def _prepare(camera: Camera, scene: Primitives, index: Ints, rect: Ints) -> _Quadrics:
    shape = scene.shape[index]
    inverse = scene.inverse[index].astype(np.float64)
    offset = (camera.position - scene.centre[index]).astype(np.float64)
    origin = (inverse @ offset[:, :, None])[..., 0]
    rays = inverse @ camera.rays.astype(np.float64)
    rays[:, :, 2] += rays[:, :, 0] * rect[:, 2:3] + rays[:, :, 1] * rect[:, 0:1]
    used = np.ones((len(index), 3))
    used[shape == int(Shape.CYLINDER), 2] = 0.0
    outside = np.sum(used * origin * origin, axis=1) - 1.0
    linear = ((used * origin)[:, None, :] @ rays)[:, 0]
    square = rays.transpose(0, 2, 1) @ (used[:, :, None] * rays)
    form = linear[:, :, None] * linear[:, None, :] - outside[:, None, None] * square
    determinant = form[:, 0, 0] * form[:, 1, 1] - form[:, 0, 1] ** 2
    peak = np.linalg.det(form) / np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
    return _Quadrics(index, shape, rect, origin, rays, outside, linear, form, peak)


def _cast_tiles(
    canvas: Canvas, quadrics: _Quadrics, members: Ints, height: int, width: int
) -> None:
    """Cast the members of one shape over tiles of one size (M, height, width)."""
    u, v = canvas.columns[:width], canvas.rows[:height]
    form = quadrics.form[members].astype(np.float32)
    across = (form[:, 0, 0, None] * u + 2.0 * form[:, 0, 2, None]) * u
    along = (form[:, 1, 1, None] * v + 2.0 * form[:, 1, 2, None]) * v + form[:, 2, 2, None]
    discriminant = across[:, None, :] + along[:, :, None]
    discriminant += (2.0 * form[:, 0, 1, None] * v)[:, :, None] * u
    member, row, column = np.nonzero(discriminant > 0.0)
    rect = quadrics.rect[members]
    inside = (row < (rect[:, 1] - rect[:, 0])[member]) & (
        column < (rect[:, 3] - rect[:, 2])[member]
    )
    member, row, column = member[inside], row[inside], column[inside]
    which = members[member]
    found: Floats = discriminant[member, row, column]

    def ray(forms: _Doubles) -> Floats:
        chosen = forms[members].astype(np.float32)
        across = chosen[member, 0] * u[column]
        values: Floats = across + chosen[member, 1] * v[row] + chosen[member, 2]
        return values

    outside = quadrics.outside[which].astype(np.float32)
    near: Floats = (np.sqrt(found) - ray(quadrics.linear)) / outside
    hit = near > 0.0
    shape = int(quadrics.shape[members[0]])
    if shape == Shape.CYLINDER:
        start = quadrics.origin[which, 2].astype(np.float32)
        hit &= np.abs(start * near + ray(quadrics.rays[:, 2])) <= near
    elif shape == Shape.FOLIAGE:
        facing = np.divide(found, quadrics.peak[which].astype(np.float32))
        depth_m = np.reciprocal(np.maximum(near, np.float32(1e-4)))
        hit &= _leafy(quadrics, which, depth_m, facing, ray)
    pixel = (rect[member, 0] + row) * len(canvas.columns) + rect[member, 2] + column
    canvas.scatter(pixel[hit], near[hit], quadrics.number[which[hit]] * FACES)


def _leafy(
    quadrics: _Quadrics,
    which: Ints,
    depth_m: Floats,
    facing: Floats,
    ray: Callable[[_Doubles], Floats],
) -> Bools:
    """Fray the rim of crowns with noise that is fixed to each crown."""
    scale = np.float32(_LEAF_TILES_PER_RADIUS * TILE_PX)
    origin = quadrics.origin[which].astype(np.float32)
    u = origin[:, 0] + origin[:, 1] + ray(quadrics.rays[:, 0] + quadrics.rays[:, 1]) * depth_m
    v = origin[:, 2] + ray(quadrics.rays[:, 2]) * depth_m
    shift = 37.0 * quadrics.number[which].astype(np.float32)
    kept: Bools = facing > 0.22 + 0.28 * texture(u * scale + shift, v * scale)
    return kept
