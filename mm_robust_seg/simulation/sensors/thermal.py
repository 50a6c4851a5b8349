# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The thermal camera: surface temperatures, emissivity, air, fixed pattern and noise."""

from __future__ import annotations

import cv2
import numpy as np

from mm_robust_seg.simulation.world.arrays import Bytes, Floats, Words
from mm_robust_seg.simulation.world.camera import Camera
from mm_robust_seg.simulation.world.conditions import Conditions, Light
from mm_robust_seg.simulation.world.materials import column
from mm_robust_seg.simulation.world.noise import gaussian, texture
from mm_robust_seg.simulation.world.surfaces import Surfaces

COUNTS_PER_K = 100.0
_NETD_K = 0.06
_PIXEL_PATTERN_K = 0.05
_COLUMN_PATTERN_K = 0.07
_PSF_SIGMA_PX = 0.8
_CLOUD_BLUR_PX = 8.0
_BODY_K = 306.5
_AIR_ABSORPTION_PER_M = 0.0008
_FOG_SHARE = 0.06
"""Fog droplets weaken long-wave infrared far less than light (thin fog, about 6 %)."""


def fixed_pattern(generator: np.random.Generator, height_px: int, width_px: int) -> Floats:
    """Draw the fixed pattern of one sensor in kelvin (H, W)."""
    pixels = generator.standard_normal((height_px, width_px), dtype=np.float32)
    columns = generator.standard_normal((1, width_px), dtype=np.float32)
    pattern: Floats = _PIXEL_PATTERN_K * pixels + _COLUMN_PATTERN_K * columns
    return pattern


def measure(
    camera: Camera,
    surfaces: Surfaces,
    light: Light,
    conditions: Conditions,
    sun_shadow: Bytes,
    pattern_k: Floats,
    generator: np.random.Generator,
) -> Words:
    """Take a thermal picture, (H, W) uint16 in 0.01 K."""
    apparent_k = _apparent_k(surfaces, light, conditions, sun_shadow)
    picture = apparent_k.reshape(camera.height_px, camera.width_px)
    picture = cv2.GaussianBlur(picture, (5, 5), _PSF_SIGMA_PX).astype(np.float32, copy=False)
    noise = gaussian(generator, camera.height_px, camera.width_px)
    picture += pattern_k + np.float32(_NETD_K) * noise
    counts: Words = (picture * np.float32(COUNTS_PER_K) + 0.5).astype(np.uint16)
    return counts


def _apparent_k(
    surfaces: Surfaces, light: Light, conditions: Conditions, sun_shadow: Bytes
) -> Floats:
    """Return the temperature a perfect camera would read, in kelvin (N,)."""
    air_k = np.float32(conditions.air_k)
    upward = surfaces.ray[2] / np.sqrt(np.einsum('in,in->n', surfaces.ray, surfaces.ray))
    surface_k = _surface_k(surfaces, light, conditions, sun_shadow)
    clear = np.float32(1.0 / (1.0 + 300.0 * conditions.extinction_per_m))
    overhead_k = np.float32(46.0) * clear
    mirrored_k = air_k - overhead_k * np.clip(0.25 + 0.6 * surfaces.normal[2], 0.0, 1.0)
    emissivity = column('emissivity').take(surfaces.material)
    radiated_k = mirrored_k + (surface_k - mirrored_k) * emissivity
    absorption = _AIR_ABSORPTION_PER_M + _FOG_SHARE * conditions.extinction_per_m
    passed = np.exp(surfaces.depth_m * np.float32(-absorption))
    apparent_k: Floats = air_k + (radiated_k - air_k) * passed
    index = np.flatnonzero(surfaces.sky)
    ray = surfaces.ray[:, index]
    height = np.maximum(upward[index], 0.0)
    flat = 60.0 / (height + 0.12)
    cloud = texture(ray[0] * flat, ray[1] * flat, np.full_like(flat, _CLOUD_BLUR_PX))
    apparent_k[index] = air_k - 3.0 - overhead_k * np.sqrt(height) + 3.5 * clear * cloud
    return apparent_k


def _surface_k(
    surfaces: Surfaces, light: Light, conditions: Conditions, sun_shadow: Bytes
) -> Floats:
    """Return surface temperatures in kelvin (N,)."""
    material = surfaces.material
    haze = 1.0 / (1.0 + 120.0 * conditions.extinction_per_m)
    heat = np.float32(conditions.solar_heat * haze)
    normal, sun = surfaces.normal, light.sun_direction
    facing = normal[0] * sun[0] + normal[1] * sun[1] + normal[2] * sun[2]
    shaded = sun_shadow.ravel().astype(np.float32) / 255.0 * surfaces.ground
    warmed = 0.4 + 0.75 * np.maximum(facing, 0.0) * (1.0 - 0.6 * shaded)
    darker = 1.2 - 0.8 * np.minimum(surfaces.albedo[1], 1.0)
    weather_k = column('solar_gain_k').take(material) * (heat * warmed * darker)
    weather_k += column('night_excess_k').take(material) * (1.0 - heat)
    spread_k = column('texture_strength').take(material) * surfaces.grain * 2.5
    surface_k: Floats = np.float32(conditions.air_k) + weather_k + surfaces.heat_k + spread_k
    surface_k += column('body_share').take(material) * (_BODY_K - surface_k)
    return surface_k
