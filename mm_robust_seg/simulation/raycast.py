"""Find the nearest surface of every pixel.

Along a ray ``camera + t * direction(u, v)`` the inverse distance to a plane is linear in the
pixel (u, v), and the discriminant of a quadric is a quadratic polynomial in it. So the buffer
holds inverse depth, and each primitive costs a few additions inside its bounding rectangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_robust_seg.simulation.arrays import Bools, Floats, Ints
from mm_robust_seg.simulation.camera import Camera
from mm_robust_seg.simulation.materials import Material
from mm_robust_seg.simulation.noise import texture, TILE_PX
from mm_robust_seg.simulation.primitives import FACES, PLANES, Primitives, Shape

_NEAR_M = 0.25
_TOP_FACE = 4
_HILL_M = 400.0
_LEAF_TILES_PER_RADIUS = 0.35
_CORNERS: Floats = np.array(
    [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float32
)


def backdrop_key(material: Material) -> int:
    """Return the surface key of a backdrop material (see ``world.BACKDROP``)."""
    return int(material) * FACES + _TOP_FACE


@dataclass(frozen=True)
class Visible:
    """What each pixel sees.

    Attributes:
        inverse_m: 1 / depth in 1/m, 0 for the sky (H, W) float32.
        key: primitive index * FACES + face (H, W) int64.
    """

    inverse_m: Floats
    key: Ints


class _Canvas:
    """Inverse-depth buffer being filled, with the pixel axes."""

    def __init__(self, camera: Camera) -> None:
        self.columns = np.arange(camera.width_px, dtype=np.float32)
        self.rows = np.arange(camera.height_px, dtype=np.float32)
        self.inverse_m, self.key = _backdrop(camera, self.columns, self.rows)

    def plane(self, rect: tuple[int, int, int, int], form: Floats) -> Floats:
        """Evaluate a linear form (a, b, c) -> a u + b v + c over a rectangle."""
        top, bottom, left, right = rect
        across = form[0] * self.columns[left:right]
        return across[None, :] + (form[1] * self.rows[top:bottom] + form[2])[:, None]

    def draw(self, rect: tuple[int, int, int, int], inverse_m: Floats, hit: Bools, key: Ints | int) -> None:
        """Write the pixels of a rectangle that are hit and nearer than what is there."""
        top, bottom, left, right = rect
        depth_view = self.inverse_m[top:bottom, left:right]
        nearer = hit & (inverse_m > depth_view)
        np.copyto(depth_view, inverse_m, where=nearer)
        np.copyto(self.key[top:bottom, left:right], key, where=nearer)


def cast(camera: Camera, scene: Primitives, backdrop_count: int) -> Visible:
    """Cast all rays.

    Args:
        camera: The posed camera.
        scene: All primitives.
        backdrop_count: How many leading primitives are backdrop and not cast.
    """
    canvas = _Canvas(camera)
    rects = _bounding_rects(camera, scene)
    rects[:backdrop_count] = 0
    seen = np.flatnonzero((rects[:, 1] > rects[:, 0]) & (rects[:, 3] > rects[:, 2]))
    convex = seen[scene.shape[seen] <= Shape.GABLE]
    _cast_convex(canvas, camera, scene, convex, rects)
    _cast_quadrics(canvas, camera, scene, np.setdiff1d(seen, convex), rects)
    return Visible(canvas.inverse_m, canvas.key)


def _backdrop(camera: Camera, columns: Floats, rows: Floats) -> tuple[Floats, Ints]:
    """Fill the buffers with the ground plane, the sky and a far line of hills."""
    down = camera.rays[2]
    slope = down[0] * columns[None, :] + (down[1] * rows + down[2])[:, None]
    inverse_m = slope * np.float32(-1.0 / camera.position[2])
    key = np.full(inverse_m.shape, backdrop_key(Material.ASPHALT), dtype=np.int64)
    key[inverse_m <= 0.0] = backdrop_key(Material.SKY)
    middle = np.float32(camera.height_px / 2)
    ahead = camera.rays[0, 0] * columns + camera.rays[0, 1] * middle + camera.rays[0, 2]
    left = camera.rays[1, 0] * columns + camera.rays[1, 1] * middle + camera.rays[1, 2]
    bearing_px = left / np.maximum(ahead, 0.1) * 150.0
    ridge = 0.045 + 0.016 * texture(bearing_px, np.zeros_like(bearing_px))
    np.maximum(inverse_m, 0.0, out=inverse_m)
    hill = (slope > -0.0045) & (slope < ridge[None, :])
    inverse_m[hill] = 1.0 / _HILL_M
    key[hill] = backdrop_key(Material.HILL)
    return inverse_m, key


def _bounding_rects(camera: Camera, scene: Primitives) -> Ints:
    """Return (top, bottom, left, right) of each primitive, empty when out of sight (N, 4)."""
    offset = scene.centre - camera.position
    corners = offset[:, None, :] + np.einsum('nij,kj->nki', scene.axes, _CORNERS)
    pixels = corners @ camera.project.T
    depth = pixels[..., 2]
    behind = depth < _NEAR_M
    place = pixels[..., :2] / np.maximum(depth, _NEAR_M)[..., None]
    low = np.floor(place.min(axis=1)).astype(np.int64)
    high = np.ceil(place.max(axis=1)).astype(np.int64) + 1
    crossing = behind.any(axis=1)
    low[crossing] = 0
    high[crossing] = 1 << 20
    high[behind.all(axis=1)] = 0
    rects = np.stack([low[:, 1], high[:, 1], low[:, 0], high[:, 0]], axis=1)
    limits = np.array([camera.height_px, camera.height_px, camera.width_px, camera.width_px])
    return np.clip(rects, 0, limits)


def _cast_convex(
    canvas: _Canvas, camera: Camera, scene: Primitives, index: Ints, rects: Ints
) -> None:
    planes = PLANES[scene.shape[index]]
    normals = planes[..., :3] @ scene.inverse[index]
    offset = camera.position - scene.centre[index]
    room = planes[..., 3] - np.einsum('nfi,ni->nf', normals, offset)
    room = np.where(np.abs(room) < 1e-4, np.float32(1e-4), room)
    forms = (normals @ camera.rays) / room[..., None]
    front = room < 0.0
    for row, number in enumerate(index):
        faces = np.flatnonzero(front[row])
        if len(faces) == 0:
            continue
        rect = tuple(rects[number].tolist())
        near = canvas.plane(rect, forms[row, faces[0]])
        key: Ints | int = int(number) * FACES + int(faces[0])
        for face in faces[1:]:
            other = canvas.plane(rect, forms[row, face])
            key = np.where(other < near, int(number) * FACES + int(face), key)
            np.minimum(near, other, out=near)
        hit = near > 0.0
        for face in np.flatnonzero(~front[row]):
            hit &= near > canvas.plane(rect, forms[row, face])
        canvas.draw(rect, near, hit, key)


def _cast_quadrics(
    canvas: _Canvas, camera: Camera, scene: Primitives, index: Ints, rects: Ints
) -> None:
    inverse = scene.inverse[index]
    origin = np.einsum('nij,nj->ni', inverse, camera.position - scene.centre[index])
    rays = inverse @ camera.rays
    flat = scene.shape[index] == Shape.CYLINDER
    used = np.ones((len(index), 3), dtype=np.float32)
    used[flat, 2] = 0.0
    outside = np.sum(used * origin * origin, axis=1) - 1.0
    linear = np.einsum('ni,nij->nj', used * origin, rays)
    square = np.einsum('nij,ni,nik->njk', rays, used, rays)
    quadratic = linear[:, :, None] * linear[:, None, :] - outside[:, None, None] * square
    for row, number in enumerate(index):
        if outside[row] < 1e-3:
            continue
        rect = tuple(rects[number].tolist())
        discriminant = _polynomial(canvas, rect, quadratic[row])
        hit = discriminant > 0.0
        np.maximum(discriminant, 0.0, out=discriminant)
        near = (np.sqrt(discriminant) - canvas.plane(rect, linear[row])) / outside[row]
        hit &= near > 0.0
        if scene.shape[number] == Shape.CYLINDER:
            height = np.abs(origin[row, 2] * near + canvas.plane(rect, rays[row, 2]))
            hit &= height <= near
        elif scene.shape[number] == Shape.FOLIAGE:
            hit &= _leaves(canvas, rect, near, discriminant, origin[row], rays[row], int(number))
        canvas.draw(rect, near, hit, int(number) * FACES)


def _polynomial(canvas: _Canvas, rect: tuple[int, int, int, int], form: Floats) -> Floats:
    """Evaluate the quadratic form (u, v, 1) @ form @ (u, v, 1) over a rectangle."""
    top, bottom, left, right = rect
    u, v = canvas.columns[left:right].astype(np.float64), canvas.rows[top:bottom].astype(np.float64)
    across = (form[0, 0] * u + 2.0 * form[0, 2]) * u
    along = (form[1, 1] * v + 2.0 * form[1, 2]) * v + form[2, 2]
    total = across[None, :] + along[:, None] + (2.0 * form[0, 1] * v)[:, None] * u[None, :]
    return total.astype(np.float32)


def _leaves(
    canvas: _Canvas,
    rect: tuple[int, int, int, int],
    near: Floats,
    discriminant: Floats,
    origin: Floats,
    rays: Floats,
    number: int,
) -> Bools:
    """Fray the rim of a crown with noise that is fixed to the crown."""
    distance = 1.0 / np.maximum(near, 1e-4)
    scale = _LEAF_TILES_PER_RADIUS * TILE_PX
    u = (origin[0] + origin[1] + canvas.plane(rect, rays[0] + rays[1]) * distance) * scale
    v = (origin[2] + canvas.plane(rect, rays[2]) * distance) * scale
    facing = discriminant / max(float(discriminant.max(initial=0.0)), 1e-9)
    return facing > 0.22 + 0.28 * texture(u + 37.0 * number, v)
