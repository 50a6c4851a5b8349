# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What sits on a lens, or shines into it. The sensor behind it keeps its noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from mm_robust_seg.modalities.faults.canvas import (
    blobs,
    blurred,
    px,
    side,
    Span,
    stored,
    texture,
    with_noise_of,
)
from mm_robust_seg.modalities.kind import Fault, Float, Pixels

_EDGE_PX, _MUD_EDGE = 10.0, 0.9
_DROP_BEND_PX, _DROP_BLUR_PX = 8.0, 3.0
_FOG_BLUR_PX = 2.5
_SUN_LIGHT, _SUN_EDGE = 1.3, 40
_SUN_RADIUS, _SUN_VEIL = 0.35, 0.45


@dataclass(frozen=True)
class Look:
    """How damage looks to a kind of sensor.

    Attributes:
        span: of the values of its images.
        dirt_span: of those that dirt shows: it is lit as the scene is.
        dirt: what opaque dirt shows, by channel, at a share of its span.
        dirt_contrast: how uneven it is, as a share of its span.
        veil: what fog shows, at a share of the span.
        has_glare: whether the sun blinds it, with its highest value.
    """

    span: Callable[[Pixels], Span]
    dirt_span: Callable[[Pixels], Span]
    dirt: tuple[float, ...]
    dirt_contrast: float
    veil: float
    has_glare: bool = False


def lens_faults(look: Look) -> dict[str, Fault]:
    """Return the damage of a lens, by the fault's name."""

    def of(draw: Callable[..., Float]) -> Fault:
        def damaged(
            pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator
        ) -> Pixels:
            original = pixels.astype(np.float32)
            seen = draw(original, fault, look)
            return stored(with_noise_of(seen, original, rng), pixels)

        return damaged

    glare = {'glare': of(_glare)} if look.has_glare else {}
    return {
        'cover': of(_cover),
        'mud': of(_mud),
        'droplets': of(_droplets),
        'blur': of(_blur),
        'fog': of(_fog),
        **glare,
    }


def _dirt(image: Float, pattern: int, look: Look) -> Float:
    """Return dirt out of focus: a colour, uneven, (H, W, C)."""
    span = look.dirt_span(image)
    uneven = texture(*image.shape[:2], 100 + pattern, 7)[..., None] * look.dirt_contrast
    colour = np.array([span.at(ratio) for ratio in look.dirt], np.float32)[: image.shape[2]]
    dirt: Float = colour + np.float32(span.width) * uneven
    return dirt


def _over(image: Float, hides: Float, mask: Float) -> Float:
    seen: Float = image + mask * (hides - image)
    return seen


def _cover(image: Float, fault: Mapping[str, float], look: Look) -> Float:
    """Something dark close to the lens, from one side."""
    edge_px = px(_EDGE_PX, image)
    mask = side(*image.shape[:2], fault['share'], fault['from_deg'], edge_px)[..., None]
    return _over(image, _dirt(image, 1, look), mask)


def _mud(image: Float, fault: Mapping[str, float], look: Look) -> Float:
    """Many opaque splashes."""
    pattern = round(fault['pattern'])
    mask = blobs(*image.shape[:2], fault['share'], pattern, _MUD_EDGE)[..., None]
    return _over(image, _dirt(image, pattern, look), mask)


def _droplets(image: Float, fault: Mapping[str, float], look: Look) -> Float:
    """Drops that bend the light and put it out of focus."""
    height_px, width_px = image.shape[:2]
    pattern = round(fault['pattern'])
    mask = blobs(height_px, width_px, fault['share'], pattern, 0.6)
    bend = blobs(height_px, width_px, fault['share'], pattern, 1.0) * np.float32(
        px(_DROP_BEND_PX, image)
    )
    down, right = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    slopes = [cv2.Sobel(bend, cv2.CV_32F, *order, ksize=5) for order in ((1, 0), (0, 1))]
    bent: Float = (
        cv2.remap(
            blurred(image, px(_DROP_BLUR_PX, image)),
            right - slopes[0],
            down - slopes[1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        .astype(np.float32)
        .reshape(image.shape)
    )
    return _over(image, bent, mask[..., None])


def _blur(image: Float, fault: Mapping[str, float], look: Look) -> Float:
    """A lens out of focus."""
    return blurred(image, px(fault['sigma_px'], image))


def _fog(image: Float, fault: Mapping[str, float], look: Look) -> Float:
    """A veil of condensed water: little contrast is left, and it is soft."""
    density = fault['density']
    uneven = 1 + 0.12 * texture(*image.shape[:2], 200, 4)
    mask = np.clip(density * uneven, 0, 0.98)[..., None].astype(np.float32)
    span = look.span(image)
    bright = np.float32(0.5 * span.at(look.veil) + 0.5 * float(image.mean()))
    soft = blurred(image, px(_FOG_BLUR_PX * density, image))
    veiled: Float = soft + mask * (bright - soft)
    return veiled


def _glare(image: Float, fault: Mapping[str, float], look: Look) -> Float:
    """The sun in the image: a white spot, and a veil over everything around it."""
    height_px, width_px = image.shape[:2]
    down, right = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    away = np.hypot(right - fault['x'] * width_px, down - fault['y'] * height_px) / width_px
    radius = np.sqrt(fault['share'] * height_px / width_px / np.pi)
    spot = 1 / (1 + np.exp(np.clip((away - radius) * _SUN_EDGE, -30, 30)))
    veil = _SUN_VEIL * np.exp(-np.maximum(away - radius, 0) / _SUN_RADIUS)
    span = look.span(image)
    light = (_SUN_LIGHT * spot + veil)[..., None] * span.width
    lit: Float = image * (1 - spot)[..., None] + light + spot[..., None] * span.low
    lit = np.minimum(lit, np.float32(span.high))
    return lit
