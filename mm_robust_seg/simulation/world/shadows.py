# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Shadows on the ground: each body flattened along the light and drawn as a polygon."""

from __future__ import annotations

import cv2
import numpy as np

from mm_robust_seg.simulation.world.arrays import Bools, Bytes, Floats, Ints
from mm_robust_seg.simulation.world.camera import Camera
from mm_robust_seg.simulation.world.primitives import Primitives, Shape

_NEAR_M = 0.3
_REACH_M = 70.0
_LOWEST_SUN = 0.12
_FIXED_POINT_BITS = 4
_OUTSIDE_PX = 20000.0
_SPECK_PX = 3.0
_CONTACT_HEIGHT_M = 1.2
_DIAGONAL = 0.5**0.5
_CUBE: Floats = np.array(
    [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float32
)
_BALL: Floats = np.array(
    [
        [x, y, z]
        for x in (-1, 0, 1)
        for y in (-1, 0, 1)
        for z in (-1, 0, 1)
        if (x, y, z) != (0, 0, 0)
    ],
    dtype=np.float32,
)
_BALL /= np.linalg.norm(_BALL, axis=1, keepdims=True)


def sun_shadow(camera: Camera, scene: Primitives, first: int, sun_direction: Floats) -> Bytes:
    """Return where bodies keep the sun from the ground, 0 to 255 (H, W) uint8.

    Args:
        camera: The posed camera.
        scene: All primitives; those before ``first`` cast no shadow.
        first: Index of the first primitive that casts one.
        sun_direction: Unit vector to the sun (3,).
    """
    slant = -sun_direction[:2] / max(float(sun_direction[2]), _LOWEST_SUN)
    return _flatten(camera, scene, _near(camera, scene, first), slant)


def contact_shadow(camera: Camera, scene: Primitives, first: int) -> Bytes:
    """Return the dark patches right below low bodies, 0 to 255 (H, W) uint8."""
    index = _near(camera, scene, first)
    low = scene.centre[index, 2] < _CONTACT_HEIGHT_M
    return _flatten(camera, scene, index[low], np.zeros(2, dtype=np.float32))


def _near(camera: Camera, scene: Primitives, first: int) -> Ints:
    offset = scene.centre[:, :2] - camera.position[:2]
    index = np.flatnonzero((np.abs(offset[:, 0]) < _REACH_M) & (np.abs(offset[:, 1]) < _REACH_M))
    return index[index >= first]


def _flatten(camera: Camera, scene: Primitives, index: Ints, slant: Floats) -> Bytes:
    mask = np.zeros((camera.height_px, camera.width_px), dtype=np.uint8)
    curved = np.isin(scene.shape[index], (int(Shape.ELLIPSOID), int(Shape.FOLIAGE)))
    for members, points in ((index[~curved], _CUBE), (index[curved], _BALL)):
        ground = scene.centre[members][:, None, :] + points @ scene.axes[members].transpose(
            0, 2, 1
        )
        ground[..., :2] += ground[..., 2:] * slant
        ground[..., 2] = 0.0
        pixels = (ground - camera.position) @ camera.project.T
        front = pixels[..., 2] > _NEAR_M
        whole = front.all(axis=1)
        place = pixels[whole, :, :2] / pixels[whole, :, 2:]
        for polygon in place[_worth_drawing(place, camera)]:
            _fill(mask, polygon)
        for polygon, ahead in zip(pixels[~whole], front[~whole], strict=True):
            if ahead.any():
                points_px = _clipped(polygon, ahead)
                _fill(mask, points_px[:, :2] / points_px[:, 2:])
    blurred: Bytes = cv2.blur(mask, (3, 3)).astype(np.uint8, copy=False)
    return blurred


def _worth_drawing(place: Floats, camera: Camera) -> Bools:
    """Tell which polygons (M, P, 2) lie in the picture and are larger than a speck."""
    low, high = place.min(axis=1), place.max(axis=1)
    seen = (
        (high > 0.0).all(axis=1) & (low[:, 0] < camera.width_px) & (low[:, 1] < camera.height_px)
    )
    worth: Bools = seen & ((high - low).prod(axis=1) > _SPECK_PX)
    return worth


def _fill(mask: Bytes, place: Floats) -> None:
    """Draw the convex hull of pixels (P, 2)."""
    fixed = np.clip(place, -_OUTSIDE_PX, _OUTSIDE_PX) * (1 << _FIXED_POINT_BITS)
    hull = cv2.convexHull(fixed.astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255, lineType=cv2.LINE_8, shift=_FIXED_POINT_BITS)


def _clipped(polygon: Floats, front: Bools) -> Floats:
    """Keep the points in front and add where the lines to those behind meet the near plane."""
    ahead, behind = polygon[front], polygon[~front]
    share = (ahead[:, None, 2] - _NEAR_M) / (ahead[:, None, 2] - behind[None, :, 2])
    met = ahead[:, None, :] + share[..., None] * (behind[None, :, :] - ahead[:, None, :])
    return np.concatenate([ahead, met.reshape(-1, 3)])
