# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Deterministic noise: a tileable fractal texture, Gaussian tiles and integer hashes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mm_robust_seg.simulation.world.arrays import Floats, Ints

TILE_PX = 256
_LEVELS = 5
_GAUSSIAN_PX = 2048
_SEED_OFFSET = 1 << 31


def stream(*parts: int) -> np.random.Generator:
    """Return a random generator that depends on the given integers alone."""
    return np.random.default_rng([part + _SEED_OFFSET for part in parts])


def hash01(first: Ints, second: Ints, third: Ints) -> Floats:
    """Hash three integer arrays of one shape to floats in [0, 1)."""
    mixed = (first * 374761393 + second * 668265263 + third * 2147483647) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
    return (((mixed ^ (mixed >> 16)) & 0xFFFF) / 65536.0).astype(np.float32)


@lru_cache(maxsize=1)
def _texture_pyramid() -> Floats:
    """Build the fractal texture, each level band-limited to half the one before it.

    Returns:
        Array (levels * TILE_PX * TILE_PX,), zero mean; level 0 has unit deviation.
    """
    white = np.random.default_rng(20240229).standard_normal((TILE_PX, TILE_PX))
    frequency = np.fft.fftfreq(TILE_PX) * TILE_PX
    radius = np.hypot(frequency[:, None], frequency[None, :])
    spectrum = np.fft.fft2(white) / np.maximum(radius, 1.0) ** 0.9
    spectrum[radius < 1.5] = 0.0
    levels = [
        np.fft.ifft2(spectrum * np.exp(-((radius * 2.0**level / TILE_PX) ** 2) * 4.0)).real
        for level in range(_LEVELS)
    ]
    pyramid = np.stack(levels) / levels[0].std()
    return np.ascontiguousarray(pyramid.astype(np.float32)).ravel()


def texture(u_px: Floats, v_px: Floats, footprint_px: Floats | None = None) -> Floats:
    """Sample the fractal texture.

    Args:
        u_px: Texture coordinates in tile pixels, any range and shape.
        v_px: The other coordinate, same shape.
        footprint_px: Size of one image pixel in tile pixels; chooses the level. None: level 0.

    Returns:
        Samples of the same shape, about zero mean and unit deviation.
    """
    index = (v_px.astype(np.int32) & (TILE_PX - 1)) * TILE_PX + (
        u_px.astype(np.int32) & (TILE_PX - 1)
    )
    if footprint_px is not None:
        exponent = (footprint_px.view(np.int32) >> 23) - 127
        index += np.clip(exponent, 0, _LEVELS - 1) * (TILE_PX * TILE_PX)
    return _texture_pyramid().take(index)


@lru_cache(maxsize=1)
def _gaussian_tile() -> Floats:
    generator = np.random.default_rng(16180339)
    return generator.standard_normal((_GAUSSIAN_PX, _GAUSSIAN_PX), dtype=np.float32)


def gaussian(generator: np.random.Generator, height_px: int, width_px: int) -> Floats:
    """Cut a (height_px, width_px) window of unit Gaussian noise out of a fixed tile.

    Much faster than fresh samples; the window's place and mirroring come from the generator.
    """
    tile = _gaussian_tile()
    reach_px = max(height_px, width_px)
    if reach_px >= _GAUSSIAN_PX:
        repeats = reach_px // _GAUSSIAN_PX + 1
        tile = np.tile(tile, (repeats, repeats))
    top = int(generator.integers(len(tile) - height_px))
    left = int(generator.integers(len(tile) - width_px))
    window = tile[top : top + height_px, left : left + width_px]
    return window[:, ::-1] if generator.random() < 0.5 else window
