# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The colour camera: light, sky, fog, glare, exposure and noise."""

from __future__ import annotations

import cv2
import numpy as np

from mm_robust_seg.simulation.world.arrays import Bytes, Floats
from mm_robust_seg.simulation.world.camera import Camera
from mm_robust_seg.simulation.world.conditions import Conditions, Light
from mm_robust_seg.simulation.world.materials import Material
from mm_robust_seg.simulation.world.noise import gaussian, texture
from mm_robust_seg.simulation.world.street import (
    beside,
    LAMP_HEIGHT_M,
    LAMP_REACH_M,
    LAMP_SPACING_M,
    POLE_SETBACK_M,
)
from mm_robust_seg.simulation.world.surfaces import Surfaces

_CLEAR_EXTINCTION_PER_M = 0.0009
_CLOUD_PATH_M = 120.0
_CLOUD_BLUR_PX = 8.0
_BLOOM = 0.35
_TARGET_LEVEL = 0.20
_GAIN_LIMITS = (0.15, 7.0)
_SHOT_NOISE = 0.0006
_READ_NOISE = 0.0035
_PSF_SIGMA_PX = 0.55
_SATURATION: Floats = (1.28 * np.eye(3) - 0.28 / 3.0).astype(np.float32)
_LAMP_COLOUR: Floats = np.array([1.0, 0.78, 0.48], dtype=np.float32)
_HEADLIGHT_COLOUR: Floats = np.array([1.0, 0.96, 0.88], dtype=np.float32)


def expose(
    camera: Camera,
    surfaces: Surfaces,
    light: Light,
    conditions: Conditions,
    shadows: tuple[Bytes, Bytes],
    generator: np.random.Generator,
) -> Bytes:
    """Take a colour picture.

    Args:
        camera: The posed camera.
        surfaces: What each pixel shows.
        light: Light of the scene.
        conditions: Weather.
        shadows: Sun shadow and contact shadow on the ground, 0 to 255 (H, W) each.
        generator: Source of the noise.

    Returns:
        RGB picture (H, W, 3) uint8.
    """
    radiance = _reflected(surfaces, light, shadows)
    if light.darkness > 0.0:
        radiance += surfaces.emission * np.float32(light.darkness)
        radiance += surfaces.albedo * _lamp_light(surfaces, light, conditions)
    _paint_sky(radiance, surfaces, light)
    _add_haze(radiance, surfaces, light, conditions)
    shape = (camera.height_px, camera.width_px)
    picture = np.ascontiguousarray(radiance.T).reshape(*shape, 3)
    if light.darkness > 0.0:
        picture += _bloom(surfaces.emission * np.float32(light.darkness), shape)
    if conditions.glare > 0.0 and light.darkness < 1.0:
        picture += _veil(camera, light, conditions.glare * (1.0 - light.darkness))
    return _develop(picture, generator)


def _reflected(surfaces: Surfaces, light: Light, shadows: tuple[Bytes, Bytes]) -> Floats:
    """Return the sunlight and skylight that surfaces reflect (3, N)."""
    normal, sun = surfaces.normal, light.sun_direction
    facing = normal[0] * sun[0] + normal[1] * sun[1] + normal[2] * sun[2]
    np.maximum(facing, 0.0, out=facing)
    ambient = 0.62 + 0.38 * normal[2]
    sun_shadow, contact = (mask.ravel().astype(np.float32) / 255.0 for mask in shadows)
    facing *= 1.0 - sun_shadow * surfaces.ground
    ambient *= 1.0 - (0.25 * sun_shadow + 0.6 * contact) * surfaces.ground
    radiance: Floats = light.sun[:, None] * facing
    radiance += light.ambient[:, None] * ambient
    radiance *= surfaces.albedo
    glass = np.flatnonzero(surfaces.material == Material.GLASS)
    mirrored = 0.035 + 0.22 * np.maximum(surfaces.normal[2, glass], 0.0)
    radiance[:, glass] += light.horizon[:, None] * mirrored
    return radiance


def _lamp_light(surfaces: Surfaces, light: Light, conditions: Conditions) -> Floats:
    """Return the light of the street lamps and of the rig's own headlight (3, N)."""
    x, z = surfaces.point[0], surfaces.point[2]
    cell = np.floor(x / LAMP_SPACING_M)
    along = x - (cell + 0.5) * LAMP_SPACING_M
    right_m, left_m = (beside(side, POLE_SETBACK_M - LAMP_REACH_M) for side in (-1.0, 1.0))
    lamp_m = (cell.astype(np.int32) & 1) * np.float32(left_m - right_m) + np.float32(right_m)
    across = surfaces.lateral_m - lamp_m
    below = LAMP_HEIGHT_M - z
    square = along * along + across * across + below * below + 0.5
    pool = np.clip(below * 0.5, 0.0, LAMP_HEIGHT_M) / (square * np.sqrt(square))
    pool *= (0.5 + 0.5 * np.abs(surfaces.normal[2])) * np.float32(
        8.0 * light.darkness * conditions.street_light
    )
    reach = surfaces.depth_m * np.float32(1.0 / 5.0)
    offset = surfaces.ray[2] + 0.04
    beam = np.exp(-((offset / 0.16) ** 2)) / (1.0 + reach * reach)
    beam *= np.float32(0.10 * light.darkness)
    total: Floats = _LAMP_COLOUR[:, None] * pool + _HEADLIGHT_COLOUR[:, None] * beam
    return total


def _paint_sky(radiance: Floats, surfaces: Surfaces, light: Light) -> None:
    """Fill the sky with a gradient, clouds and the disc of the sun."""
    index = np.flatnonzero(surfaces.sky)
    ray = surfaces.ray[:, index]
    ray = ray / np.sqrt(np.einsum('in,in->n', ray, ray))
    height = np.maximum(ray[2], 0.0)
    share = np.sqrt(height)
    sky = light.horizon[:, None] + (light.zenith - light.horizon)[:, None] * share
    flat = 60.0 / (height + 0.12)
    cloud = texture(ray[0] * flat, ray[1] * flat, np.full_like(flat, _CLOUD_BLUR_PX))
    cover = np.clip(0.5 * cloud + 0.1, 0.0, 1.0) * np.minimum(height * 6.0, 1.0)
    sky += (light.horizon[:, None] * 1.15 - sky) * (0.75 * cover)
    facing = np.maximum(light.sun_direction @ ray, 0.0)
    sky += light.sun[:, None] * (0.25 * facing**64 + 14.0 * (facing > 0.9997))
    radiance[:, index] = sky


def _add_haze(radiance: Floats, surfaces: Surfaces, light: Light, conditions: Conditions) -> None:
    """Let the air between dim the picture and add its own light (Koschmieder's law)."""
    extinction = _CLEAR_EXTINCTION_PER_M + conditions.extinction_per_m
    path_m = np.where(
        surfaces.sky, _CLOUD_PATH_M / np.maximum(surfaces.ray[2], 0.02), surfaces.depth_m
    )
    if conditions.extinction_per_m < _CLEAR_EXTINCTION_PER_M:
        path_m[surfaces.sky] = 0.0
    passed = np.exp(path_m * np.float32(-extinction))
    glow = light.darkness * conditions.street_light * min(1.0, 30.0 * conditions.extinction_per_m)
    air = light.horizon + _LAMP_COLOUR * np.float32(0.018 * glow)
    radiance -= air[:, None]
    radiance *= passed
    radiance += air[:, None]


def _bloom(emission: Floats, shape: tuple[int, int]) -> Floats:
    """Return the halo of lamps: a strongly blurred copy of the emitted light (H, W, 3)."""
    height, width = shape
    source: Floats = np.ascontiguousarray(emission.T).reshape(height, width, 3)
    small = cv2.resize(source, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    near, far = (cv2.GaussianBlur(small, (0, 0), width / part) for part in (90.0, 25.0))
    halo = cv2.add(near, far)
    bloom: Floats = cv2.resize(halo, (width, height)) * np.float32(_BLOOM)
    return bloom


def _veil(camera: Camera, light: Light, glare: float) -> Floats:
    """Return the light a low sun scatters in the lens (H, W, 3)."""
    u, v, depth = (camera.project @ light.sun_direction).tolist()
    depth = max(depth, 0.2)
    columns = (np.arange(camera.width_px, dtype=np.float32) - u / depth) / camera.width_px
    rows = (np.arange(camera.height_px, dtype=np.float32) - v / depth) / camera.width_px
    square = columns[None, :] ** 2 + rows[:, None] ** 2
    strength = 2.6 * np.exp(square * -60.0) + 0.75 * np.exp(square * -5.0) + 0.10
    colour = np.array([1.0, 0.93, 0.80], dtype=np.float32)
    veil: Floats = strength[..., None] * (colour * np.float32(glare))
    return veil


def _develop(picture: Floats, generator: np.random.Generator) -> Bytes:
    """Apply exposure, lens blur, vignetting and noise and encode to 8 bits."""
    height, width = picture.shape[:2]
    low, high = _GAIN_LIMITS
    mean = float(np.minimum(picture[::4, ::4], 3.0).mean())
    gain = min(max(_TARGET_LEVEL / max(mean, 1e-6), low), high)
    rows = np.linspace(-1.0, 1.0, height, dtype=np.float32) ** 2
    columns = np.linspace(-1.0, 1.0, width, dtype=np.float32) ** 2
    vignette = (1.0 - 0.14 * (rows[:, None] + columns[None, :])) * np.float32(gain)
    blurred = cv2.GaussianBlur(picture, (3, 3), _PSF_SIGMA_PX) * vignette[..., None]
    signal: Floats = cv2.transform(blurred, _SATURATION).astype(np.float32, copy=False)
    np.clip(signal, 0.0, 1.0, out=signal)
    noise = gaussian(generator, height, 3 * width).reshape(height, width, 3)
    variance = signal * np.float32(_SHOT_NOISE * max(gain, 1.0)) + np.float32(
        (_READ_NOISE * gain) ** 2
    )
    signal += np.sqrt(variance) * noise
    np.clip(signal, 0.0, 1.0, out=signal)
    encoded = np.sqrt(signal)
    encoded *= 0.75 + encoded * (0.75 - 0.5 * encoded)
    picture_8bit: Bytes = (encoded * 255.0 + 0.5).astype(np.uint8)
    return picture_8bit
