# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Unit shapes seen through affine maps: the only geometry of the simulated world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
import math

import numpy as np

from mm_robust_seg.simulation.classes import SceneClass
from mm_robust_seg.simulation.world.arrays import Floats, Ints
from mm_robust_seg.simulation.world.materials import Material

FACES = 6
RgbColour = tuple[float, float, float]


class Shape(IntEnum):
    """Shapes inside the unit cube [-1, 1]^3; the first three are convex with six planes."""

    BOX = 0
    CABIN = 1
    GABLE = 2
    ELLIPSOID = 3
    FOLIAGE = 4
    CYLINDER = 5


def _tapered(front: float, rear: float, side: float) -> list[list[float]]:
    """Planes (n, h) with n . q <= h of a cube whose top is cut back on each side."""
    return [
        [1.0, 0.0, front, 1.0 - front],
        [-1.0, 0.0, rear, 1.0 - rear],
        [0.0, 1.0, side, 1.0 - side],
        [0.0, -1.0, side, 1.0 - side],
        [0.0, 0.0, 1.0, 1.0],
        [0.0, 0.0, -1.0, 1.0],
    ]


PLANES: Floats = np.array(
    [
        _tapered(0.0, 0.0, 0.0),
        _tapered(0.24, 0.14, 0.08),
        [
            [1.0, 0.0, 0.0, 1.0],
            [-1.0, 0.0, 0.0, 1.0],
            [0.0, 2.0, 1.0, 1.0],
            [0.0, -2.0, 1.0, 1.0],
            [0.0, 0.0, 1.0, 1.0],
            [0.0, 0.0, -1.0, 1.0],
        ],
    ],
    dtype=np.float32,
)
"""Planes of the convex shapes, (3, 6, 4); faces are +x, -x, +y, -y, +z, -z."""


@dataclass(frozen=True)
class Part:
    """One shape in the frame of the thing it belongs to (x forward, y left, z up, metres)."""

    shape: Shape
    centre_m: tuple[float, float, float]
    half_size_m: tuple[float, float, float]
    material: Material
    label: SceneClass
    albedo: RgbColour
    heat_k: float = 0.0
    emission: float = 0.0
    lean: float = 0.0


@dataclass(frozen=True)
class Primitives:
    """Many primitives as a structure of arrays of length N.

    Attributes:
        shape: Shape values (N,).
        centre: World position in metres (N, 3).
        axes: Unit space to world, columns are half axes in metres (N, 3, 3).
        inverse: World to unit space (N, 3, 3).
        material: Material values (N,).
        label: SceneClass values (N,).
        albedo: Linear RGB albedo (N, 3).
        heat_k: Own heat above what weather explains, kelvin (N,).
        emission: Light emitted in the dark (N,).
    """

    shape: Ints
    centre: Floats
    axes: Floats
    inverse: Floats
    material: Ints
    label: Ints
    albedo: Floats
    heat_k: Floats
    emission: Floats

    def __len__(self) -> int:
        """Return the number of primitives."""
        return len(self.shape)

    def take(self, index: Ints) -> Primitives:
        """Return the primitives at the given indices."""
        return Primitives(*(getattr(self, field.name)[index] for field in fields(self)))


def join(groups: Iterable[Primitives]) -> Primitives:
    """Concatenate groups of primitives in order."""
    members = list(groups)
    return Primitives(
        *(
            np.concatenate([getattr(g, field.name) for g in members])
            for field in fields(Primitives)
        )
    )


def assemble(parts: Sequence[Part]) -> Primitives:
    """Turn parts into primitives standing at the origin."""
    axes = np.zeros((len(parts), 3, 3), dtype=np.float32)
    sizes = np.array([part.half_size_m for part in parts], dtype=np.float32).reshape(-1, 3)
    for axis in range(3):
        axes[:, axis, axis] = sizes[:, axis]
    axes[:, 0, 2] = [part.lean for part in parts]
    return Primitives(
        shape=np.array([part.shape for part in parts], dtype=np.int64),
        centre=np.array([part.centre_m for part in parts], dtype=np.float32).reshape(-1, 3),
        axes=axes,
        inverse=np.linalg.inv(axes),
        material=np.array([part.material for part in parts], dtype=np.int64),
        label=np.array([part.label for part in parts], dtype=np.int64),
        albedo=np.array([part.albedo for part in parts], dtype=np.float32).reshape(-1, 3),
        heat_k=np.array([part.heat_k for part in parts], dtype=np.float32),
        emission=np.array([part.emission for part in parts], dtype=np.float32),
    )


def place(group: Primitives, x_m: float, y_m: float, yaw_rad: float) -> Primitives:
    """Move a group standing at the origin to a place on the ground."""
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=np.float32)
    shift = np.array([x_m, y_m, 0.0], dtype=np.float32)
    return Primitives(
        shape=group.shape,
        centre=group.centre @ turn.T + shift,
        axes=turn @ group.axes,
        inverse=group.inverse @ turn.T,
        material=group.material,
        label=group.label,
        albedo=group.albedo,
        heat_k=group.heat_k,
        emission=group.emission,
    )
