# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scenes in which a slow thermal camera is seen to be late: a turn, a drive, and rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation import Capture, SimulatedCameras, World
from mm_robust_seg.simulation.drive import random_conditions
from mm_robust_seg.simulation.world.camera import Camera, look, Motion
from mm_robust_seg.simulation.world.primitives import Primitives
from mm_robust_seg.simulation.world.street import Centreline

RATE_HZ = 30
TURN_RAD_S = math.radians(30.0)
_SWING_RAD = math.radians(40.0)
_PITCH_RAD = math.radians(2.0)
_SWEEP_S = 2 * _SWING_RAD / TURN_RAD_S
_LONGEST_AGE_S = 0.3
_SWEEPS = 400
_SEEDS = 1 << 31


@dataclass(frozen=True)
class Course:
    """How the cameras move, and whether people and vehicles do."""

    name: str
    drives: bool
    turns: bool
    has_traffic: bool


TURN = Course('turn on the spot', drives=False, turns=True, has_traffic=False)
TURN_DRIVING = Course('turn while driving', drives=True, turns=True, has_traffic=True)
DRIVE = Course('drive', drives=True, turns=False, has_traffic=True)
REST = Course('rest', drives=False, turns=False, has_traffic=False)


class CourseMotion(Motion):
    """Drives along the lane or stands; looks ahead, or from side to side at 30 degrees/s."""

    def __init__(self, course: Course, centreline: Centreline, seed: int) -> None:
        super().__init__(centreline, seed)
        self._course, self._road = course, centreline

    def x_m(self, t_s: float) -> float:
        """Return the distance driven along x."""
        return super().x_m(t_s if self._course.drives else 0.0)

    def camera(self, t_s: float, size_px: tuple[int, int]) -> Camera:
        """Return the camera."""
        ahead = super().camera(t_s if self._course.drives else 0.0, size_px)
        if not self._course.turns:
            return ahead
        x_m, y_m, z_m = map(float, ahead.position)
        sweep, into = divmod(t_s / _SWEEP_S, 1.0)
        aside_rad = _SWING_RAD * (2 * into - 1) * (-1) ** int(sweep)
        yaw_rad = self._road.at(x_m)[1] + aside_rad
        return look((x_m, y_m, z_m), yaw_rad, _PITCH_RAD, 0.0, size_px)


class StillWorld(World):
    """A world in which nothing moves, so that cameras may stand on the road."""

    def scene(self, x_m: float, t_s: float) -> Primitives:
        """Return everything in sight, as it is at the start."""
        return super().scene(x_m, 0.0)


@dataclass(frozen=True)
class Moment:
    """A moment of a mask, and what went before.

    Attributes:
        world: which of the worlds it is in.
        now: the frames of the moment.
        before: the frames of a 30 Hz camera from near the time of ``held``.
        held: the frames from when the slow camera took its newest one.
        labels: the truth of the moment.
    """

    world: int
    now: Mapping[Modality, Frame]
    before: Mapping[Modality, Frame]
    held: Mapping[Modality, Frame]
    labels: NDArray[np.uint8]


def moments(
    course: Course, worlds: int, per_world: int, ages_s: tuple[float, float], seed: int
) -> Iterator[Moment]:
    """Yield moments from random worlds, hours and weather; each is at another place.

    Args:
        ages_s: bounds of how long before the moment ``Moment.held`` was taken.
    """
    generator = np.random.default_rng(seed)
    for world in range(worlds):
        cameras_at = _place(course, generator)
        for _ in range(per_world):
            cameras = cameras_at(int(generator.integers(_SEEDS)))
            into_s = float(generator.uniform(_LONGEST_AGE_S, _SWEEP_S))
            t_s = into_s + _SWEEP_S * int(generator.integers(_SWEEPS))
            age_s = float(generator.uniform(*ages_s))
            before_s = max(1, round(age_s * RATE_HZ)) / RATE_HZ
            now = cameras.capture(t_s)
            yield Moment(
                world,
                frames_of(now),
                frames_of(cameras.capture(t_s - before_s)),
                frames_of(cameras.capture(t_s - age_s)),
                now.labels,
            )


def sequence(course: Course, length: int, seed: int) -> list[Capture]:
    """Return consecutive captures at 30 Hz from a random place."""
    generator = np.random.default_rng(seed)
    cameras = _place(course, generator)(int(generator.integers(_SEEDS)))
    return [cameras.capture(1.0 + number / RATE_HZ) for number in range(length)]


def _place(course: Course, generator: np.random.Generator) -> Callable[[int], SimulatedCameras]:
    """Draw a world, an hour and the weather; return what puts cameras somewhere, by a seed."""
    seed = int(generator.integers(_SEEDS))
    world = World(seed) if course.has_traffic else StillWorld(seed)
    conditions = random_conditions(generator)

    def cameras(place: int) -> SimulatedCameras:
        motion = CourseMotion(course, world.centreline, place)
        return SimulatedCameras(world, conditions, seed=seed, motion=motion)

    return cameras


def frames_of(capture: Capture) -> dict[Modality, Frame]:
    """Return the frames of a capture in the package's units, stamped with its time."""
    stamp_ns = round(capture.t_s * 1e9)
    stored = {
        Modality.RGB: capture.rgb,
        Modality.THERMAL: capture.thermal,
        Modality.DEPTH: capture.depth,
    }
    return {
        m: Frame(m, stamp_ns, stamp_ns, KINDS[m].units().image(image))
        for m, image in stored.items()
    }
