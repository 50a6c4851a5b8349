# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What goes wrong behind the lens: noise, rows that differ, a pattern that stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mm_robust_seg.modalities.faults.canvas import Span, stored, texture
from mm_robust_seg.modalities.kind import Fault, Float, Pixels


def electronic_faults(span: Callable[[Pixels], Span]) -> dict[str, Fault]:
    """Return the damage of the electronics, by the fault's name; any camera may have it."""
    return {'noise': _of(span, _noise), 'banding': _of(span, _banding)}


def ghost_faults(span: Callable[[Pixels], Span]) -> dict[str, Fault]:
    """Return what a camera with a shutter may have: after a failed closing its pattern stays."""
    return {'ghost': _of(span, _ghost)}


def _of(span: Callable[[Pixels], Span], draw: Callable[..., Float]) -> Fault:
    def damaged(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
        image = pixels.astype(np.float32)
        return stored(draw(image, fault, span(pixels), rng), pixels)

    return damaged


def _noise(
    image: Float, fault: Mapping[str, float], span: Span, rng: np.random.Generator
) -> Float:
    """Gaussian noise, then salt and pepper."""
    noisy = rng.standard_normal(image.shape, np.float32)
    noisy *= np.float32(fault['sigma'] * span.width)
    noisy += image
    draw = rng.random((*image.shape[:2], 1), np.float32)
    np.copyto(noisy, np.float32(span.high), where=draw < fault['impulses'] / 2)
    np.copyto(noisy, np.float32(span.low), where=draw >= 1 - fault['impulses'] / 2)
    return noisy


def _banding(
    image: Float, fault: Mapping[str, float], span: Span, rng: np.random.Generator
) -> Float:
    """Rows in groups of one to three whose level is off, others in every image."""
    rows = image.shape[0]
    levels = rng.standard_normal((rows, 1, 1)).astype(np.float32)
    lasts = rng.integers(1, 4, rows)
    offsets = np.repeat(levels, lasts, axis=0)[:rows]
    banded: Float = image + offsets * np.float32(fault['sigma'] * span.width)
    return banded


def _ghost(
    image: Float, fault: Mapping[str, float], span: Span, rng: np.random.Generator
) -> Float:
    """What the shutter's correction took for its own: soft shapes and columns that stay."""
    height_px, width_px = image.shape[:2]
    pattern = round(fault['pattern'])
    shapes = texture(height_px, width_px, 300 + pattern, 24)
    columns = np.random.default_rng([72, pattern]).standard_normal((1, width_px))
    fixed = 0.8 * shapes + 0.6 * columns.astype(np.float32)
    haunted: Float = image + np.float32(fault['strength'] * span.width) * fixed[..., None]
    return haunted
