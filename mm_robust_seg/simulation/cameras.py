# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A moving rig with an RGB, a thermal and a depth camera that see the same picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
import math

import numpy as np

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.simulation.sensors import depth as depth_sensor
from mm_robust_seg.simulation.sensors import rgb as rgb_sensor
from mm_robust_seg.simulation.sensors import thermal as thermal_sensor
from mm_robust_seg.simulation.world import shadows
from mm_robust_seg.simulation.world.arrays import Bytes, Words
from mm_robust_seg.simulation.world.camera import Camera, Motion
from mm_robust_seg.simulation.world.conditions import Conditions, Light
from mm_robust_seg.simulation.world.noise import stream
from mm_robust_seg.simulation.world.raycast import cast
from mm_robust_seg.simulation.world.surfaces import Surfaces, survey
from mm_robust_seg.simulation.world.world import BACKDROP, checked_seed, World

SMALLEST_PX = 16
LARGEST_PX = 4096
FFC_CLOSED_S = 1.0
"""How long the thermal shutter stays closed during a flat-field correction."""

MODALITIES = ModalitySet.parse('rgb+thermal+depth')
"""The cameras that are simulated."""

_TAG_PATTERN = 41
_TAG_RGB, _TAG_THERMAL, _TAG_DEPTH = 51, 52, 53
_TIME_LIMIT_S = 1e7


@dataclass(frozen=True)
class Capture:
    """What the cameras saw at one moment; all pictures share one pixel grid.

    Attributes:
        t_s: Time since the start of the drive in seconds.
        rgb: Colour picture (H, W, 3) uint8, RGB order.
        thermal: Apparent temperature (H, W) uint16 in 0.01 K.
        depth: Distance along the optical axis (H, W) uint16 in mm, 0 where nothing returned.
        labels: True class of each pixel (H, W) uint8, see ``classes.SceneClass``.
        ffc: Whether the thermal shutter is closed; then ``thermal`` repeats the last picture.
    """

    t_s: float
    rgb: Bytes
    thermal: Words
    depth: Words
    labels: Bytes
    ffc: bool

    def __post_init__(self) -> None:
        """Make the pictures read-only."""
        for picture in (self.rgb, self.thermal, self.depth, self.labels):
            picture.setflags(write=False)

    def __getitem__(self, modality: Modality) -> Bytes | Words:
        """Return the picture of one camera, one of ``MODALITIES``."""
        if modality not in MODALITIES:
            raise ConfigError(f'no {modality} camera is simulated: expected one of {MODALITIES}')
        picture: Bytes | Words = getattr(self, modality.value)
        return picture


@dataclass(frozen=True)
class _View:
    """One moment before the sensors look at it."""

    camera: Camera
    surfaces: Surfaces
    sun_shadow: Bytes
    contact_shadow: Bytes


class SimulatedCameras:
    """Three cameras that drive along the street of a world and take pictures.

    ``capture`` depends on its argument and the constructor's alone, so times can be asked for
    in any order.
    """

    def __init__(
        self,
        world: World,
        conditions: Conditions,
        width_px: int = 320,
        height_px: int = 240,
        seed: int = 0,
        ffc_period_s: float | None = None,
        motion: Motion | None = None,
    ) -> None:
        """Mount the cameras.

        Args:
            world: Where it drives.
            conditions: Time of day and weather.
            width_px: Picture width, 16 to 4096.
            height_px: Picture height, 16 to 4096.
            seed: Start, sway and sensor noise.
            ffc_period_s: Time between shutter closings of the thermal camera, the first one
                period after the start; None for none.
            motion: Where the cameras are at each time; None to drive along the lane.

        Raises:
            ConfigError: An argument is outside its range.
        """
        _check_size('width_px', width_px)
        _check_size('height_px', height_px)
        if ffc_period_s is not None and not FFC_CLOSED_S < ffc_period_s < math.inf:
            raise ConfigError(
                f'ffc_period_s is {ffc_period_s}, expected more than the {FFC_CLOSED_S} s the '
                'shutter stays closed, or None for no shutter'
            )
        self.world = world
        self.conditions = conditions
        self.size_px = (width_px, height_px)
        self._seed = checked_seed(seed)
        self._ffc_period_s = ffc_period_s
        self._light = Light.of(conditions)
        self._motion = motion or Motion(world.centreline, seed)
        self._pattern_k = thermal_sensor.fixed_pattern(
            stream(seed, _TAG_PATTERN), height_px, width_px
        )
        self._frozen_thermal = lru_cache(maxsize=1)(self._thermal_at)

    def capture(self, t_s: float) -> Capture:
        """Take all pictures at time ``t_s``.

        Raises:
            ConfigError: The time is not a number from 0 to 1e7 s.
        """
        if not 0.0 <= t_s <= _TIME_LIMIT_S:
            raise ConfigError(f't_s is {t_s}, expected seconds from 0 to {_TIME_LIMIT_S:g}')
        view = self._look(t_s)
        closed_s = self._shutter_closed_at(t_s)
        rgb = rgb_sensor.expose(
            view.camera,
            view.surfaces,
            self._light,
            self.conditions,
            (view.sun_shadow, view.contact_shadow),
            self._noise(_TAG_RGB, t_s),
        )
        depth = depth_sensor.measure(
            view.camera, view.surfaces, self.conditions, self._noise(_TAG_DEPTH, t_s)
        )
        thermal = (
            self._thermal_of(view, t_s) if closed_s is None else self._frozen_thermal(closed_s)
        )
        width_px, height_px = self.size_px
        return Capture(
            t_s=t_s,
            rgb=rgb,
            thermal=thermal,
            depth=depth,
            labels=view.surfaces.label.reshape(height_px, width_px),
            ffc=closed_s is not None,
        )

    def _shutter_closed_at(self, t_s: float) -> float | None:
        """Return when the shutter closed if it is closed at ``t_s``."""
        if self._ffc_period_s is None or t_s < self._ffc_period_s:
            return None
        closed_s = math.floor(t_s / self._ffc_period_s) * self._ffc_period_s
        return closed_s if t_s - closed_s < FFC_CLOSED_S else None

    def _look(self, t_s: float) -> _View:
        camera = self._motion.camera(t_s, self.size_px)
        scene = self.world.scene(self._motion.x_m(t_s), t_s)
        visible = cast(camera, scene, len(BACKDROP))
        surfaces = survey(camera, scene, visible, self.world.centreline)
        first = len(BACKDROP)
        blank = np.zeros((camera.height_px, camera.width_px), dtype=np.uint8)
        sunny = bool(np.max(self._light.sun) > 0.0)
        return _View(
            camera=camera,
            surfaces=surfaces,
            sun_shadow=shadows.sun_shadow(camera, scene, first, self._light.sun_direction)
            if sunny
            else blank,
            contact_shadow=shadows.contact_shadow(camera, scene, first),
        )

    def _thermal_at(self, t_s: float) -> Words:
        return self._thermal_of(self._look(t_s), t_s)

    def _thermal_of(self, view: _View, t_s: float) -> Words:
        return thermal_sensor.measure(
            view.camera,
            view.surfaces,
            self._light,
            self.conditions,
            view.sun_shadow,
            self._pattern_k,
            self._noise(_TAG_THERMAL, t_s),
        )

    def _noise(self, tag: int, t_s: float) -> np.random.Generator:
        moment_us = round(t_s * 1e6)
        return stream(self._seed, tag, moment_us >> 30, moment_us & ((1 << 30) - 1))


def _check_size(name: str, size_px: int) -> None:
    if isinstance(size_px, bool) or not isinstance(size_px, int):
        raise ConfigError(f'{name} is {size_px!r}, expected an integer')
    if not SMALLEST_PX <= size_px <= LARGEST_PX:
        raise ConfigError(f'{name} is {size_px}, expected {SMALLEST_PX} to {LARGEST_PX} pixels')
