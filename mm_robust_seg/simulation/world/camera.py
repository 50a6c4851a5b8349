# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The pinhole camera that all three sensors of the rig share, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np

from mm_robust_seg.simulation.world.arrays import Floats
from mm_robust_seg.simulation.world.noise import stream
from mm_robust_seg.simulation.world.street import Centreline
from mm_robust_seg.simulation.world.traffic import DRIVE_SLOT_M, DRIVE_SPEED_M_S

HORIZONTAL_VIEW_RAD = math.radians(72.0)
_HEIGHT_M = 1.45
_PITCH_RAD = math.radians(2.0)
_START_SLOTS = 400
_TAG_RIG = 31


@dataclass(frozen=True)
class Camera:
    """A posed pinhole camera.

    The ray of pixel (u, v) is ``position + t * rays @ (u, v, 1)``; t is the depth in metres.

    Attributes:
        position: World position in metres (3,).
        rays: Pixel to ray direction (3, 3).
        project: World direction to homogeneous pixel, the inverse of ``rays`` (3, 3).
        focal_px: Focal length in pixels.
        width_px: Image width.
        height_px: Image height.
    """

    position: Floats
    rays: Floats
    project: Floats
    focal_px: float
    width_px: int
    height_px: int


def look(
    position_m: tuple[float, float, float],
    yaw_rad: float,
    pitch_rad: float,
    roll_rad: float,
    size_px: tuple[int, int],
) -> Camera:
    """Pose a camera; pitch is positive downwards, size is (width, height)."""
    width_px, height_px = size_px
    focal_px = 0.5 * width_px / math.tan(HORIZONTAL_VIEW_RAD / 2)
    cp, sp, cy, sy = math.cos(pitch_rad), math.sin(pitch_rad), math.cos(yaw_rad), math.sin(yaw_rad)
    forward = np.array([cp * cy, cp * sy, -sp])
    level_right = np.array([sy, -cy, 0.0])
    level_down = np.cross(forward, level_right)
    right = level_right * math.cos(roll_rad) + level_down * math.sin(roll_rad)
    down = np.cross(forward, right)
    centre_u, centre_v = (width_px - 1) / 2, (height_px - 1) / 2
    rays = np.stack(
        [
            right / focal_px,
            down / focal_px,
            forward - (centre_u * right + centre_v * down) / focal_px,
        ],
        axis=1,
    )
    return Camera(
        position=np.array(position_m, dtype=np.float32),
        rays=rays.astype(np.float32),
        project=np.linalg.inv(rays).astype(np.float32),
        focal_px=focal_px,
        width_px=width_px,
        height_px=height_px,
    )


class Motion:
    """How the rig drives: along its lane at constant speed, swaying a little."""

    def __init__(self, centreline: Centreline, seed: int) -> None:
        """Draw the start and the sway from the seed."""
        generator = stream(seed, _TAG_RIG)
        self._centreline = centreline
        self._start_m = DRIVE_SLOT_M * int(generator.integers(_START_SLOTS))
        self._side_m = -1.9 + float(generator.uniform(-0.4, 0.4))
        self._phases = generator.uniform(0.0, 2.0 * math.pi, 5)

    def x_m(self, t_s: float) -> float:
        """Return the distance driven along x at time ``t_s``."""
        return self._start_m + DRIVE_SPEED_M_S * t_s

    def camera(self, t_s: float, size_px: tuple[int, int]) -> Camera:
        """Return the camera at time ``t_s``."""

        def sway(index: int, period_s: float) -> float:
            return math.sin(2.0 * math.pi * t_s / period_s + float(self._phases[index]))

        x_m = self.x_m(t_s)
        y_m, heading = self._centreline.at(x_m)
        side_m = self._side_m + 0.22 * sway(0, 11.0)
        return look(
            (
                x_m - side_m * math.sin(heading),
                y_m + side_m * math.cos(heading),
                _HEIGHT_M + 0.012 * sway(4, 0.9),
            ),
            yaw_rad=heading + 0.05 * sway(1, 7.3),
            pitch_rad=_PITCH_RAD + 0.006 * sway(2, 1.7),
            roll_rad=0.008 * sway(3, 2.9),
            size_px=size_px,
        )
