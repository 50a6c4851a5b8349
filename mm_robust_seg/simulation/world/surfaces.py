# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the nearest surface of every pixel is like: place, normal, albedo, material, label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_robust_seg.simulation.world import patterns
from mm_robust_seg.simulation.world.arrays import Bools, Bytes, Floats, Ints
from mm_robust_seg.simulation.world.camera import Camera
from mm_robust_seg.simulation.world.canvas import backdrop_key, Canvas, TOP_FACE
from mm_robust_seg.simulation.world.materials import column, Material
from mm_robust_seg.simulation.world.noise import texture, TILE_PX
from mm_robust_seg.simulation.world.primitives import FACES, PLANES, Primitives, Shape
from mm_robust_seg.simulation.world.street import Centreline

_FARTHEST_M = 1e4


@dataclass(frozen=True)
class Surfaces:
    """Per-pixel surface properties; pixels are flattened to N = H * W.

    Attributes:
        depth_m: Depth along the optical axis, 1e4 for the sky (N,).
        ray: Ray directions with unit depth (3, N).
        point: World positions in metres (3, N).
        lateral_m: Distance of the point to the left of the middle of the road (N,).
        normal: Unit normals (3, N).
        albedo: Linear RGB albedo (3, N).
        emission: Emitted light in the dark (3, N).
        grain: Texture sample, zero mean (N,).
        material: Material values (N,).
        heat_k: Own heat in kelvin (N,).
        label: Class values (N,) uint8.
        ground: Whether the pixel shows the ground plane (N,).
        sky: Whether the pixel shows the sky (N,).
    """

    depth_m: Floats
    ray: Floats
    point: Floats
    lateral_m: Floats
    normal: Floats
    albedo: Floats
    emission: Floats
    grain: Floats
    material: Ints
    heat_k: Floats
    label: Bytes
    ground: Bools
    sky: Bools


def survey(
    camera: Camera,
    scene: Primitives,
    canvas: Canvas,
    centreline: Centreline,
) -> Surfaces:
    """Collect the surface properties of every pixel."""
    key = canvas.key.ravel()
    depth_m = 1.0 / np.maximum(canvas.inverse_m.ravel(), 1.0 / _FARTHEST_M)
    ray = _rays(camera)
    point = camera.position[:, None] + ray * depth_m
    ground = key == backdrop_key(Material.ASPHALT)
    index = np.flatnonzero(ground)
    lateral_m = point[1] - centreline.offset_m(point[0])
    cover = patterns.ground_cover(point[0, index], lateral_m[index])
    key[index] = cover * FACES + TOP_FACE

    number = key // FACES
    normal, u_m, v_m = _frames(scene, key, number, point)
    material = scene.material.take(number)
    frequency = column('texture_per_m').take(material) * TILE_PX
    footprint = frequency * depth_m * np.float32(1.0 / camera.focal_px)
    grain = texture(u_m * frequency + 17.0 * number.astype(np.float32), v_m * frequency, footprint)
    shade = 1.0 + column('texture_strength').take(material) * grain
    albedo = scene.albedo.T.take(number, axis=1) * np.maximum(shade, 0.1)
    pixels = patterns.Pixels(
        number=number,
        face=key - number * FACES,
        depth_m=depth_m,
        u_m=u_m,
        v_m=v_m,
        height_m=point[2],
        material=material,
        albedo=albedo,
        emission=np.zeros_like(albedo),
        heat_k=scene.heat_k.take(number),
    )
    patterns.paint_ground(pixels, index, point[0, index], lateral_m[index])
    patterns.paint_facades(pixels)
    patterns.paint_vehicles(pixels, scene)
    patterns.light_lamps(pixels, scene)
    return Surfaces(
        depth_m=depth_m,
        ray=ray,
        point=point,
        lateral_m=lateral_m,
        normal=normal,
        albedo=albedo,
        emission=pixels.emission,
        grain=grain,
        material=material,
        heat_k=pixels.heat_k,
        label=scene.label.astype(np.uint8).take(number),
        ground=ground,
        sky=material == Material.SKY,
    )


def _rays(camera: Camera) -> Floats:
    columns = np.arange(camera.width_px, dtype=np.float32)
    rows = np.arange(camera.height_px, dtype=np.float32)
    across = camera.rays[:, 0, None] * columns
    along = camera.rays[:, 1, None] * rows + camera.rays[:, 2, None]
    return (across[:, None, :] + along[:, :, None]).reshape(3, -1)


def _frames(
    scene: Primitives, key: Ints, number: Ints, point: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return normals (3, N) and texture coordinates u, v in metres (N,).

    On upright faces u runs along the face from the middle of the body and v is the height; on
    faces that look up, u and v run along the body's own x and y.
    """
    normals = _face_normals(scene)
    upright = np.abs(normals[..., 2:]) < 0.85
    forward = scene.axes[:, None, :2, 0] / np.linalg.norm(
        scene.axes[:, None, :2, 0], axis=2, keepdims=True
    )
    sideways = np.stack([-normals[..., 1], normals[..., 0]], axis=2)
    sideways /= np.maximum(np.linalg.norm(sideways, axis=2, keepdims=True), 1e-6)
    along = np.where(upright, sideways, forward).reshape(-1, 2)
    across = np.where(upright, 0.0, np.stack([-forward[..., 1], forward[..., 0]], axis=2))
    across = across.reshape(-1, 2).astype(np.float32)
    middle = np.repeat(scene.centre, FACES, axis=0)
    u_start = np.sum(along * middle[:, :2], axis=1)
    v_start = np.sum(across * middle[:, :2], axis=1)
    rise = upright.reshape(-1).astype(np.float32)

    x, y, z = point
    u_m = x * along[:, 0].take(key) + y * along[:, 1].take(key) - u_start.take(key)
    v_m = x * across[:, 0].take(key) + y * across[:, 1].take(key) - v_start.take(key)
    v_m += z * rise.take(key)
    normal = normals.reshape(-1, 3).T.take(key, axis=1)
    curved = np.flatnonzero((scene.shape >= int(Shape.ELLIPSOID)).take(number))
    normal[:, curved] = _curved_normals(scene, number[curved], point[:, curved])
    return normal, u_m, v_m


def _face_normals(scene: Primitives) -> Floats:
    """Return the world normals of all faces (N, FACES, 3); curved shapes get their sides."""
    planes = PLANES[np.where(scene.shape <= int(Shape.GABLE), scene.shape, 0)]
    normals = planes[..., :3] @ scene.inverse
    unit: Floats = normals / np.linalg.norm(normals, axis=2, keepdims=True)
    return unit


def _curved_normals(scene: Primitives, number: Ints, point: Floats) -> Floats:
    """Return the normals of points on quadrics, (3, M)."""
    offset = point.T - scene.centre[number]
    inverse = scene.inverse[number]
    unit = np.einsum('nij,nj->ni', inverse, offset)
    unit[:, 2] *= (scene.shape != int(Shape.CYLINDER))[number]
    gradient = np.einsum('nij,ni->nj', inverse, unit)
    length = np.sqrt(np.einsum('nj,nj->n', gradient, gradient))
    normals: Floats = (gradient / np.maximum(length, 1e-6)[:, None]).T
    return normals
