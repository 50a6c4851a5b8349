# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Depth cameras: distance along the optical axis in metres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
import math
from typing import NamedTuple

import cv2
import numpy as np

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.finding import Finding, Reason
from mm_robust_seg.modalities.kind import (
    Float,
    Image,
    Pixels,
    SensorKind,
    StoredValues,
    ViewScale,
)
from mm_robust_seg.modalities.measured import first_channel, kept, share
from mm_robust_seg.modalities.sections import InputConfig, SensorMonitorConfig
from mm_robust_seg.modalities.unit_hints import depth_hint
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import parameter

_CLIP = 3.0
_INTEGER_STEP_M = 0.001
_FAR = 10
"""So many times the range are another unit, not an open field."""
_SPECKLE_SHARE = 0.01
_SPECKLE_M = 0.4


@dataclass(frozen=True)
class DepthUnits:
    """Metres = scale_m x stored; what is nearer than min_m or farther than max_m is invalid.

    Drivers send integers in millimetres and floating point in metres (REP 118): a scale of 0.
    """

    scale_m: float = parameter(
        0.0, 'Metres of one step; 0 means 0.001 for integers, 1 for floating point.', 0.0
    )
    min_m: float = parameter(0.2, 'Nearer returns are invalid.', 0.0)
    max_m: float = parameter(20.0, 'Farther returns are invalid.', 0.0)

    def __post_init__(self) -> None:
        if not self.min_m < self.max_m:
            raise ConfigError(
                f'depth from min_m {self.min_m:g} to max_m {self.max_m:g} is no range: expected '
                'the lower bound below the upper one'
            )

    def step_m(self, is_integer: bool) -> float:
        """Return the metres of one step."""
        return self.scale_m or (_INTEGER_STEP_M if is_integer else 1.0)

    def image(self, stored: Pixels) -> Float:
        """Return (H, W) float32 metres, 0 where it is not finite or out of range."""
        metres = stored.astype(np.float32)
        step_m = self.step_m(stored.dtype.kind == 'u')
        if step_m != 1:
            with np.errstate(over='ignore'):
                metres /= np.float32(1 / step_m)
        farthest_m = min(self.max_m, float(np.finfo(np.float32).max))
        return kept(metres, np.float32(self.min_m), np.float32(farthest_m))

    def unlimited(self) -> DepthUnits:
        """Return units that keep every distance above 0."""
        return replace(self, min_m=0.0, max_m=math.inf)


@dataclass(frozen=True)
class DepthInputConfig(InputConfig):
    """Depth input."""

    scale_m: float = parameter(
        DepthUnits.scale_m,
        'Metres per raw step; 0 means 0.001 for integer encodings, 1 for floating point.',
        0.0,
        1000.0,
        live=False,
    )
    min_m: float = parameter(
        DepthUnits.min_m, 'Nearer returns are invalid.', 0.0, 1000.0, live=False
    )
    max_m: float = parameter(
        DepthUnits.max_m, 'Farther returns are invalid.', 0.01, 10000.0, live=False
    )

    @property
    def units(self) -> DepthUnits:
        """What the pixels mean."""
        return DepthUnits(self.scale_m, self.min_m, self.max_m)

    @property
    def ranges(self) -> tuple[tuple[str, str], ...]:
        """The names of the bounds."""
        return (('min_m', 'max_m'),)


@dataclass(frozen=True)
class DepthMonitorConfig(SensorMonitorConfig):
    """Health rules of depth."""

    min_valid_ratio: float = parameter(0.05, 'Share of valid pixels that is required.', 0.0, 1.0)


@dataclass(frozen=True)
class DepthNormalization:
    """Distance, inverse distance (resolution where it is near), and where a return exists.

    Attributes:
        mean_m, std_m: scale of the distance channel.
        near_m: distance at which the inverse-distance channel is 1.
        max_m: farther returns count as none.
    """

    mean_m: float
    std_m: float
    near_m: float
    max_m: float

    def network_input(self, image: Image) -> Float:
        """Return the three channels, (3, h, w); all are 0 where there is no return."""
        metres = image.astype(np.float32, copy=False)
        valid = (metres > 0) & (metres <= np.float32(self.max_m))
        out = np.empty((3, *metres.shape), np.float32)
        np.subtract(metres, np.float32(self.mean_m), out=out[0])
        out[0] *= np.float32(1.0 / self.std_m)
        np.divide(np.float32(self.near_m), np.maximum(metres, np.float32(1e-3)), out=out[1])
        np.clip(out[:2], -_CLIP, _CLIP, out=out[:2])
        out[2] = 1.0
        out *= valid
        return out


class DepthStatistics(NamedTuple):
    """Share of the pixels of a depth image with a return in range.

    Attributes:
        raw_median, raw_share, raw_bits: of the message, as in ``kind.StoredValues``; 0 if not
            known.
    """

    valid_ratio: float
    raw_median: float = 0.0
    raw_share: float = 0.0
    raw_bits: int = 0


def measure(sample: Pixels, stored: StoredValues | None = None) -> DepthStatistics:
    """Compute the statistics of the pixels."""
    return DepthStatistics(share(sample > 0), *(stored or ()))


def units_wrong(
    image: DepthStatistics, inputs: DepthInputConfig, limits: DepthMonitorConfig
) -> Finding | None:
    """UNITS: values are far beyond the range, and in range in another unit.

    Distances in a finer unit than expected look near, which cannot be told from things near by.
    """
    limit, step_m = limits.min_valid_ratio, inputs.units.step_m(bool(image.raw_bits))
    median_m = image.raw_median * step_m
    if image.valid_ratio >= limit or image.raw_share < limit or median_m < _FAR * inputs.max_m:
        return None
    question = depth_hint(image.raw_median, inputs.min_m, inputs.max_m)
    if not question:
        return None
    return Finding(
        Reason.UNITS,
        f'median of the raw values is {image.raw_median:g}, or {median_m:g} m; expected up to '
        f'{inputs.max_m:g} m: {question}',
        image._asdict(),
    )


def no_return(
    image: DepthStatistics, inputs: DepthInputConfig, limits: DepthMonitorConfig
) -> Finding | None:
    """NO_RETURN: too few depth pixels are valid."""
    limit = limits.min_valid_ratio
    if image.valid_ratio >= limit:
        return None
    found = f'{image.valid_ratio:.1%} of the pixels have a return in range; expected {limit:.1%}'
    if image.raw_share >= limit:
        step_m = inputs.units.step_m(bool(image.raw_bits))
        found += (
            f'; the median of the raw values is {image.raw_median:g}, or '
            f'{image.raw_median * step_m:g} m at {step_m:g} m a step, and the range is '
            f'{inputs.min_m:g} to {inputs.max_m:g} m'
        )
    return Finding(Reason.NO_RETURN, found, image._asdict())


def varied(image: Image, rng: np.random.Generator) -> Float:
    """Change the scale, everywhere and smoothly over the image; cut a hole now and then."""
    noise = cv2.resize(rng.normal(0, 0.006, (24, 32)).astype(np.float32), image.shape[1::-1])
    out: Float = (image * (np.float32(rng.uniform(0.93, 1.07)) + noise)).astype(np.float32)
    if rng.random() < 0.3:
        rows, columns = rng.integers(8, 48, 2)
        top, left = rng.integers(image.shape[0]), rng.integers(image.shape[1])
        out[top : top + rows, left : left + columns] = 0
    return out


def without_return(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
    """Leave stray returns near the camera; the rest is invalid: 0 mm, or not a number of m."""
    stray = rng.random(pixels.shape) < _SPECKLE_SHARE
    if pixels.dtype.kind == 'f':
        metres: Pixels = np.where(stray, _SPECKLE_M, np.nan)
        return metres
    millimetres: Pixels = stray * _SPECKLE_M * 1000
    return millimetres


DEPTH = SensorKind(
    modality=Modality.DEPTH,
    short_name='D',
    unit='metre',
    unit_sign='m',
    plausible=(0.0, 100.0),
    is_color=False,
    channels=3,
    shrink=cv2.INTER_NEAREST,
    encodings=('16UC1', '32FC1', 'mono16'),
    doubtful={'mono16': 'taken as 16UC1, millimetres'},
    file_encodings={'uint16': '16UC1', 'float32': '32FC1'},
    content='one channel of distances (whole numbers: millimetres)',
    topic_words=('depth', 'range', 'disparity'),
    arranged=first_channel,
    units=DepthUnits,
    normalization=DepthNormalization,
    measure=measure,
    checks=(units_wrong, no_return),
    view=ViewScale(20.0, 0.0, cv2.COLORMAP_VIRIDIS),
    varied=varied,
    faults={'no_return': without_return},
    states_validity=True,
)
