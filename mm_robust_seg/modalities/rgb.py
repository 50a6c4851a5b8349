# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""RGB cameras: grey levels 0 to 255 in three colours; every pixel is valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.finding import Finding, Reason
from mm_robust_seg.modalities.encodings import as_rgb, COLORS, DOUBTFUL_COLORS
from mm_robust_seg.modalities.faults.canvas import Span
from mm_robust_seg.modalities.faults.electronics import electronic_faults
from mm_robust_seg.modalities.faults.lens import lens_faults, Look
from mm_robust_seg.modalities.kind import Float, Image, Pixels, SensorKind, StoredValues
from mm_robust_seg.modalities.measured import share
from mm_robust_seg.modalities.sections import DamageMonitorConfig, InputConfig
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import parameter

_BLOCKS = (8, 8)
_WHITE = 250
_STRUCTURE = 2.0
"""Grey levels between the mean brightness of blocks. A simulated covered lens has less than 0.5,
whatever its black level; of 91 road scenes at night the least structured has 33."""
_DARK_SIGMA = 1.5
_FLAT_SIGMA = 0.5


@dataclass(frozen=True)
class RgbUnits:
    """Grey levels are used as they are stored."""

    def image(self, stored: Pixels) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 in R, G, B order; it shares the memory of ``stored``."""
        return stored

    def unlimited(self) -> RgbUnits:
        """Return the same: nothing lies beyond the range."""
        return self


@dataclass(frozen=True)
class RgbInputConfig(InputConfig):
    """RGB input."""

    @property
    def units(self) -> RgbUnits:
        """What the pixels mean."""
        return RgbUnits()

    @property
    def without_jpeg(self) -> str:
        """JPEG is welcome."""
        return ''


@dataclass(frozen=True)
class RgbMonitorConfig(DamageMonitorConfig):
    """Health rules of RGB; grey levels are 0 to 255."""

    dark_mean: float = parameter(
        20.0, 'Mean grey level under which an image without structure is dark.', 0.0, 255.0
    )
    saturated_ratio: float = parameter(0.95, 'Share of white pixels that fails.', 0.0, 1.0)
    flat_std: float = parameter(1.0, 'Standard deviation under which the image is flat.', 0.0)
    glare_ratio: float = parameter(
        0.25, 'Share of the image blinded by glare that fails.', 0.0, 1.0
    )

    @property
    def damage_limits(self) -> Mapping[Reason, float]:
        """How strong each kind of damage must be to fail."""
        return {**super().damage_limits, Reason.GLARE: self.glare_ratio}


@dataclass(frozen=True)
class RgbNormalization:
    """Grey levels; one input channel per colour, scaled."""

    mean: float
    std: float

    def network_input(self, image: Image) -> Float:
        """Return the three colours, (3, h, w)."""
        out = np.empty((3, *image.shape[:2]), np.float32)
        for channel in range(3):
            np.subtract(image[..., channel], np.float32(self.mean), out=out[channel])
        out *= np.float32(1.0 / self.std)
        return out


class RgbStatistics(NamedTuple):
    """Grey levels of an RGB image, 0 to 255.

    Attributes:
        structure: difference between the brightest and the darkest of 8 x 8 blocks. Noise
            averages out of it, so it tells a night scene from a covered lens.
    """

    mean: float
    std: float
    white_ratio: float
    structure: float


def measure(sample: Pixels, stored: StoredValues | None = None) -> RgbStatistics:
    """Compute the statistics of the pixels."""
    grey = cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY)
    mean, std = cv2.meanStdDev(grey)
    blocks = cv2.resize(grey.astype(np.float32), _BLOCKS, interpolation=cv2.INTER_AREA)
    return RgbStatistics(
        mean=float(mean[0, 0]),
        std=float(std[0, 0]),
        white_ratio=share(grey >= _WHITE),
        structure=float(np.ptp(blocks)),
    )


def is_dark(
    image: RgbStatistics, inputs: RgbInputConfig, limits: RgbMonitorConfig
) -> Finding | None:
    """DARK: hardly any light and no structure, as behind a lens cap; a night scene has some."""
    if image.mean >= limits.dark_mean or image.structure > _STRUCTURE:
        return None
    return Finding(
        Reason.DARK,
        f'mean grey level is {image.mean:.1f} without structure; expected {limits.dark_mean:g} '
        'or more',
        image._asdict(),
    )


def is_saturated(
    image: RgbStatistics, inputs: RgbInputConfig, limits: RgbMonitorConfig
) -> Finding | None:
    """SATURATED: nearly every pixel is white."""
    if image.white_ratio < limits.saturated_ratio:
        return None
    return Finding(
        Reason.SATURATED,
        f'{image.white_ratio:.0%} of the pixels are white; expected less than '
        f'{limits.saturated_ratio:.0%}',
        image._asdict(),
    )


def is_flat(
    image: RgbStatistics, inputs: RgbInputConfig, limits: RgbMonitorConfig
) -> Finding | None:
    """FLAT: the image holds one value."""
    if image.std >= limits.flat_std:
        return None
    return Finding(
        Reason.FLAT,
        f'image varies by {image.std:.2f} grey levels; expected {limits.flat_std:g} or more',
        image._asdict(),
    )


def varied(image: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change exposure, white balance and gamma."""
    gain = rng.uniform(0.6, 1.4) * rng.uniform(0.92, 1.08, 3)
    gamma = rng.uniform(0.8, 1.25)
    levels = (np.arange(256) / 255.0) ** gamma
    table = np.clip(levels[:, None] * gain * 255 + rng.uniform(-15, 15), 0, 255)
    return cv2.LUT(image, table.astype(np.uint8)[None])  # type: ignore[return-value]


def dark(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
    """Return what a sensor without light gives: its noise."""
    return np.abs(_noise(pixels, rng) * _DARK_SIGMA * _level(pixels))


def saturated(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
    """Return white, with noise."""
    return 255.0 * _level(pixels) - dark(pixels, fault, rng)


def flat(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
    """Return the median level, with noise."""
    noise = _FLAT_SIGMA * _level(pixels) * _noise(pixels, rng)
    one_level: Pixels = np.rint(float(np.median(pixels)) + noise)
    return one_level


def _level(pixels: Pixels) -> int:
    """Return what one grey level is in stored steps: 1 of 8 bit, 257 of 16."""
    return int(np.iinfo(pixels.dtype).max) // 255


def _noise(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return rng.standard_normal(pixels.shape, dtype=np.float32)


def _span(pixels: Pixels) -> Span:
    is_wide = pixels.dtype.itemsize > 1 and pixels.max(initial=0) > 255
    return Span(0.0, 65535.0 if is_wide else 255.0)


def _dirt_span(pixels: Pixels) -> Span:
    return Span(0.0, float(pixels.mean()))


_LOOK = Look(
    span=_span,
    dirt_span=_dirt_span,
    dirt=(0.36, 0.3, 0.22),
    dirt_contrast=0.04,
    veil=0.6,
    has_glare=True,
)
_DAMAGE = {**lens_faults(_LOOK), **electronic_faults(_span)}

RGB = SensorKind(
    modality=Modality.RGB,
    short_name='RGB',
    unit='grey level',
    unit_sign='grey levels',
    plausible=(0.0, 255.0),
    is_color=True,
    channels=3,
    shrink=cv2.INTER_AREA,
    encodings=tuple(COLORS),
    doubtful=DOUBTFUL_COLORS,
    file_encodings={'uint8': 'rgb8'},
    content='colours',
    topic_words=('rgb', 'color', 'colour', 'visible', 'left'),
    arranged=as_rgb,
    units=RgbUnits,
    normalization=RgbNormalization,
    measure=measure,
    checks=(is_dark, is_saturated, is_flat),
    view=None,
    varied=varied,
    faults={'dark': dark, 'saturated': saturated, 'flat': flat, **_DAMAGE},
)
