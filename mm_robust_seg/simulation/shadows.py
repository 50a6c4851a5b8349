"""Shadows on the ground: each body flattened along the light and drawn as a polygon."""

from __future__ import annotations

import cv2
import numpy as np

from mm_robust_seg.simulation.arrays import Bools, Bytes, Floats, Ints
from mm_robust_seg.simulation.camera import Camera
from mm_robust_seg.simulation.primitives import Primitives, Shape

_NEAR_M = 0.3
_REACH_M = 70.0
_LOWEST_SUN = 0.12
_FIXED_POINT_BITS = 4
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
    round_shape = np.isin(scene.shape[index], (Shape.ELLIPSOID, Shape.FOLIAGE))
    for members, points in ((index[~round_shape], _CUBE), (index[round_shape], _BALL)):
        corners = scene.centre[members][:, None, :] + np.einsum(
            'nij,kj->nki', scene.axes[members], points
        )
        ground = corners.copy()
        ground[..., :2] += corners[..., 2:] * slant
        ground[..., 2] = 0.0
        pixels = (ground - camera.position) @ camera.project.T
        in_front = pixels[..., 2] > _NEAR_M
        for polygon, front in zip(pixels, in_front):
            if front.any():
                _fill(mask, polygon, front)
    return cv2.blur(mask, (3, 3))  # type: ignore[return-value]


def _fill(mask: Bytes, polygon: Floats, front: Bools) -> None:
    """Draw the convex hull of homogeneous pixels, clipped at the near plane."""
    points = polygon if front.all() else _clipped(polygon, front)
    place = points[:, :2] / points[:, 2:]
    height, width = mask.shape
    if (
        place[:, 0].max() < 0
        or place[:, 0].min() > width
        or place[:, 1].max() < 0
        or place[:, 1].min() > height
    ):
        return
    fixed = np.clip(place, -4000, 4000) * (1 << _FIXED_POINT_BITS)
    hull = cv2.convexHull(fixed.astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255, lineType=cv2.LINE_8, shift=_FIXED_POINT_BITS)


def _clipped(polygon: Floats, front: Bools) -> Floats:
    """Keep the points in front and add where the lines to those behind meet the near plane."""
    ahead, behind = polygon[front], polygon[~front]
    share = (ahead[:, None, 2] - _NEAR_M) / (ahead[:, None, 2] - behind[None, :, 2])
    met = ahead[:, None, :] + share[..., None] * (behind[None, :, :] - ahead[:, None, :])
    return np.concatenate([ahead, met.reshape(-1, 3)])
