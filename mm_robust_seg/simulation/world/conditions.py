# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Time of day and weather, and the light that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np

from mm_robust_seg.schema import check_all, parameter
from mm_robust_seg.simulation.world.arrays import Floats

_NOON_ELEVATION_RAD = math.radians(58.0)
_GLARE_ELEVATION_RAD = math.radians(11.0)
_GLARE_AZIMUTH_RAD = 0.12
_KOSCHMIEDER = 3.912


@dataclass(frozen=True)
class Conditions:
    """Time of day and weather of one drive.

    Raises:
        ConfigError: if a value is outside its range or not a number.
    """

    time_of_day_h: float = parameter(
        13.0, 'Local solar time; the sun is up from 6 to 18.', 0.0, 24.0
    )
    fog_visibility_m: float = parameter(
        math.inf, 'Meteorological visibility; infinite when clear.', 1e-3, math.inf
    )
    glare: float = parameter(
        0.0, 'Up to 1, a low sun straight ahead; needs daylight to have an effect.', 0.0, 1.0
    )
    street_light: float = parameter(
        1.0, 'From 0, lamps broken; lamps burn only when it is dark.', 0.0, 1.0
    )
    air_temperature_k: float = parameter(287.0, 'Mean of the air over the day.', 240.0, 320.0)

    def __post_init__(self) -> None:
        check_all(self)

    @property
    def extinction_per_m(self) -> float:
        """Extinction of visible light (Koschmieder's law, 2 % contrast at the visibility)."""
        return _KOSCHMIEDER / self.fog_visibility_m

    @property
    def air_k(self) -> float:
        """Air temperature at this time of day in kelvin; warmest at 15 h."""
        return self.air_temperature_k + 6.0 * math.cos((self.time_of_day_h - 15.0) * math.pi / 12)

    @property
    def solar_heat(self) -> float:
        """How warm the sun has made surfaces, 0 to 1; lags the sun by 1.5 h."""
        return max(0.0, math.sin((self.time_of_day_h - 7.0) * math.pi / 13.0))


@dataclass(frozen=True)
class Light:
    """Light of a scene in linear units where a noon sun is about 1.

    Attributes:
        sun_direction: Unit vector towards the sun (3,).
        sun: Direct sunlight (3,), RGB.
        ambient: Light from the sky (3,), RGB.
        zenith: Sky colour overhead (3,), RGB.
        horizon: Sky colour at the horizon, also the colour of fog (3,), RGB.
        darkness: 0 by day to 1 at night; switches lamps on.
    """

    sun_direction: Floats
    sun: Floats
    ambient: Floats
    zenith: Floats
    horizon: Floats
    darkness: float

    @classmethod
    def of(cls, conditions: Conditions) -> Light:
        """Derive the light from the conditions."""
        hour = conditions.time_of_day_h
        elevation = _NOON_ELEVATION_RAD * math.sin((hour - 6.0) * math.pi / 12.0)
        day = _smoothstep(math.radians(-7.0), math.radians(9.0), elevation)
        azimuth = 0.9 + (12.0 - hour) * math.pi / 12.0
        if elevation > 0.0:
            elevation += (min(elevation, _GLARE_ELEVATION_RAD) - elevation) * conditions.glare
            azimuth += (_GLARE_AZIMUTH_RAD - azimuth) * conditions.glare
        dusk = day * (1.0 - _smoothstep(math.radians(3.0), math.radians(25.0), elevation))
        haze = 1.0 - math.exp(-250.0 * conditions.extinction_per_m)
        clear_sun = (1.0 - haze) * _smoothstep(0.0, math.radians(10.0), elevation)
        night = 1.0 - day
        zenith = day * _mix((0.13, 0.28, 0.66), (0.22, 0.26, 0.42), dusk) + night * _rgb(
            0.0012, 0.0015, 0.0028
        )
        horizon = day * _mix((0.62, 0.70, 0.78), (0.85, 0.55, 0.36), dusk) + night * _rgb(
            0.0050, 0.0042, 0.0036
        )
        grey = _rgb(0.60, 0.62, 0.64) * float(day + 0.006 * night)
        ambient = day * _mix((0.31, 0.37, 0.48), (0.30, 0.28, 0.34), dusk) + night * _rgb(
            0.0016, 0.0017, 0.0022
        )
        return cls(
            sun_direction=_direction(elevation, azimuth),
            sun=clear_sun * _mix((1.75, 1.58, 1.34), (1.75, 1.05, 0.58), dusk),
            ambient=ambient,
            zenith=zenith + (grey - zenith) * haze,
            horizon=horizon + (grey - horizon) * haze,
            darkness=night,
        )


def _direction(elevation_rad: float, azimuth_rad: float) -> Floats:
    flat = math.cos(elevation_rad)
    return np.array(
        [flat * math.cos(azimuth_rad), flat * math.sin(azimuth_rad), math.sin(elevation_rad)],
        dtype=np.float32,
    )


def _rgb(red: float, green: float, blue: float) -> Floats:
    return np.array([red, green, blue], dtype=np.float32)


def _mix(
    first: tuple[float, float, float], second: tuple[float, float, float], share: float
) -> Floats:
    return _rgb(*first) * (1.0 - share) + _rgb(*second) * share


def _smoothstep(low: float, high: float, value: float) -> float:
    unit = min(max((value - low) / (high - low), 0.0), 1.0)
    return unit * unit * (3.0 - 2.0 * unit)
