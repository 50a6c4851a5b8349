# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the pictures of damage are drawn with: masks, textures, the span and noise of an image.

A pattern depends on its size and number alone, so what sits on a lens stays where it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from mm_robust_seg.modalities.kind import Float, Pixels

WIDTH_PX = 320
"""Strengths in pixels are for images of this width."""
_TAG = 71
_SAMPLED = 4
_QUARTER = 0.3186
"""A quarter of normal chance is smaller than this, in standard deviations."""
_LAPLACIAN_GAIN = 6.0
"""Standard deviation of ``_noise_of``'s filter on white noise of 1."""


class Span(NamedTuple):
    """The values of an image, but for the two percent at either end; (0, 255) of grey levels."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """From dark to bright; never 0."""
        return max(self.high - self.low, 1e-6)

    def at(self, ratio: float) -> float:
        """Return the value at a share of the way from low to high."""
        return self.low + ratio * self.width


def span_of(pixels: Pixels) -> Span:
    """Return the span of measured values, of those that are valid."""
    some = np.asarray(pixels[::_SAMPLED, ::_SAMPLED], np.float32)
    some = some[np.isfinite(some) & (some > 0)]
    if not some.size:
        return Span(0.0, 0.0)
    low, high = np.percentile(some, (2, 98))
    return Span(float(low), float(high))


def stored(values: Float, like: Pixels) -> Pixels:
    """Return values in the type of ``like``, rounded and within its range."""
    if like.dtype.kind == 'f':
        return values.astype(like.dtype)
    return np.rint(values).clip(0, np.iinfo(like.dtype).max).astype(like.dtype)


def px(strength_px: float, pixels: Pixels) -> float:
    """Return a length at the width of ``pixels``."""
    return strength_px * int(pixels.shape[1]) / WIDTH_PX


def blurred(values: Float, sigma_px: float) -> Float:
    """Return an image out of focus, (H, W, C)."""
    if sigma_px <= 0:
        return values
    soft = cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)
    return soft.reshape(values.shape).astype(np.float32, copy=False)


def with_noise_of(values: Float, original: Float, rng: np.random.Generator) -> Float:
    """Add the noise that the sensor has in ``original``: optics do not smooth it."""
    sigma = _noise_of(original)
    noisy: Float = values + np.float32(sigma) * rng.standard_normal(values.shape, np.float32)
    return noisy


def _noise_of(values: Float) -> float:
    """Estimate the noise of an image where it is smoothest, (H, W, C)."""
    grey = values[..., values.shape[2] // 2]
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    size = np.abs(cv2.filter2D(grey, -1, kernel))[1:-1, 1:-1]
    if not size.size:
        return 0.0
    return float(np.percentile(size, 25)) / (_QUARTER * _LAPLACIAN_GAIN)


@lru_cache(maxsize=32)
def texture(height_px: int, width_px: int, pattern: int, cells: int) -> Float:
    """Return smooth chance, (H, W) float32 of mean 0 and standard deviation 1."""
    rng = np.random.default_rng([_TAG, pattern, cells])
    rows = max(2, round(cells * height_px / width_px))
    coarse = rng.standard_normal((rows, cells)).astype(np.float32)
    smooth = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    return _fixed((smooth - smooth.mean()) / max(float(smooth.std()), 1e-6))


@lru_cache(maxsize=32)
def side(height_px: int, width_px: int, share: float, from_deg: float, soft_px: float) -> Float:
    """Return how far a share of the image is covered from one side, 0 to 1, (H, W).

    Args:
        from_deg: 0 from the top, 90 from the right.
        soft_px: width of the edge, which is not quite straight.
    """
    turn = np.deg2rad(from_deg)
    down, right = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    along = (down + 0.5) / height_px * np.cos(turn) - (right + 0.5) / width_px * np.sin(turn)
    along += 0.02 * texture(height_px, width_px, round(from_deg), 5)
    edge = float(np.quantile(along, share))
    ramp = (edge - along) * height_px / max(soft_px, 1.0)
    covered = 1 / (1 + np.exp(np.clip(-4 * ramp, -30, 30)))
    covered = np.ones_like(along) if share >= 1 else covered
    return _fixed(covered)


@lru_cache(maxsize=32)
def blobs(height_px: int, width_px: int, share: float, pattern: int, soft: float) -> Float:
    """Return many spots of different sizes that cover a share of the image, 0 to 1, (H, W).

    Args:
        soft: width of their edges; 1 is the deviation of the texture that they are cut from.
    """
    fine, coarse = (texture(height_px, width_px, pattern, cells) for cells in (26, 11))
    field = fine + 0.8 * coarse
    level = float(np.quantile(field, 1 - share))
    return _fixed(1 / (1 + np.exp(np.clip(-4 * (field - level) / soft, -30, 30))))


def _fixed(values: Any) -> Float:
    fixed: Float = np.asarray(values, np.float32)
    fixed.setflags(write=False)
    return fixed
