# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Thermal cameras: temperature in kelvin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from mm_robust_seg.finding import Finding, Reason
from mm_robust_seg.modalities.encodings import YUV
from mm_robust_seg.modalities.faults.canvas import span_of
from mm_robust_seg.modalities.faults.electronics import electronic_faults, ghost_faults
from mm_robust_seg.modalities.faults.lens import lens_faults, Look
from mm_robust_seg.modalities.kind import (
    Float,
    Image,
    Normalization,
    Pixels,
    SensorKind,
    StoredValues,
    ViewScale,
)
from mm_robust_seg.modalities.measured import grey, share
from mm_robust_seg.modalities.sections import DamageMonitorConfig, InputConfig
from mm_robust_seg.modalities.thermal_units import (
    RADIOMETRIC,
    RELATIVE,
    ThermalNormalization,
    ThermalUnits,
)
from mm_robust_seg.modalities.unit_hints import thermal_hint
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import parameter

_COLD_SKY_K = 12.0
"""A clear sky is farther below the ground than things on the ground are from each other."""
_FLAT_SIGMA_K = 0.0005
_PERCENT = (5, 50, 95)


@dataclass(frozen=True)
class ThermalInputConfig(InputConfig):
    """Thermal input: kelvin = scale_k x raw value + offset_k, or what is warmer than what."""

    kind: str = parameter(
        ThermalUnits.kind,
        'Temperatures, or raw counts and images whose contrast the camera sets.',
        choices=(RADIOMETRIC, RELATIVE),
        live=False,
    )
    scale_k: float = parameter(
        ThermalUnits.scale_k, 'Kelvin per raw step (integer encodings).', 1e-6, live=False
    )
    offset_k: float = parameter(
        ThermalUnits.offset_k,
        'Kelvin of raw value 0; 273.15 where values are degrees Celsius.',
        -1000.0,
        1000.0,
        live=False,
    )
    valid_min_k: float = parameter(
        233.15, 'An image nearly all of which is colder has other units.', 0.0, 5000.0, live=False
    )
    valid_max_k: float = parameter(
        473.15, 'An image nearly all of which is hotter has other units.', 0.0, 5000.0, live=False
    )

    @property
    def units(self) -> ThermalUnits:
        """What the pixels mean."""
        return ThermalUnits(self.scale_k, self.offset_k, self.kind)

    def network(self, normalization: Normalization) -> Normalization:
        """Return what leaves the temperature out where there is none."""
        return self.units.network(normalization)

    @property
    def without_jpeg(self) -> str:
        """What is expected of a radiometric camera; contrast may come as JPEG."""
        if self.kind == RELATIVE:
            return ''
        return (
            f'{super().without_jpeg}, or inputs.thermal.kind relative if the camera sets the '
            'contrast'
        )

    @property
    def ranges(self) -> tuple[tuple[str, str], ...]:
        """The names of the bounds."""
        return (('valid_min_k', 'valid_max_k'),)


@dataclass(frozen=True)
class ThermalMonitorConfig(DamageMonitorConfig):
    """Health rules of thermal."""

    ffc_max_s: float = parameter(3.0, 'Longest freeze that is a shutter calibration.', 0.0, 60.0)
    flat_std_steps: float = parameter(
        0.25, 'Standard deviation, in raw steps, under which the image is flat.', 0.0
    )

    @property
    def shutter_max_s(self) -> float:
        """How long the shutter may explain equal frames."""
        return self.ffc_max_s


class ThermalStatistics(NamedTuple):
    """Valid pixels of a thermal image; temperatures are 0 if there is none.

    Attributes:
        cold_k, hot_k: what 5 % of them are colder, and hotter, than.
        raw_median, raw_bits: of the message, as in ``kind.StoredValues``; 0 if not known.
    """

    valid_ratio: float
    median_k: float
    std_k: float
    cold_k: float
    hot_k: float
    raw_median: float = 0.0
    raw_bits: int = 0


def measure(sample: Pixels, stored: StoredValues | None = None) -> ThermalStatistics:
    """Compute the statistics of the pixels."""
    valid = sample > 0
    kelvin, valid_ratio = sample[valid], share(valid)
    raw = (stored.median, stored.bits) if stored else (0.0, 0)
    if not kelvin.size:
        return ThermalStatistics(valid_ratio, 0.0, 0.0, 0.0, 0.0, *raw)
    cold, median, hot = (float(value) for value in np.percentile(kelvin, _PERCENT))
    _, std = cv2.meanStdDev(kelvin)
    return ThermalStatistics(valid_ratio, median, float(std[0, 0]), cold, hot, *raw)


def is_flat(
    image: ThermalStatistics, inputs: ThermalInputConfig, limits: ThermalMonitorConfig
) -> Finding | None:
    """FLAT: the image holds one value, or no valid pixel.

    A camera that looks at a clear sky or a wall still shows its own noise, about a raw step of it.
    """
    steps = image.std_k / inputs.units.step_k
    if steps >= limits.flat_std_steps:
        return None
    return Finding(
        Reason.FLAT,
        f'image varies by {steps:.2f} raw steps; expected {limits.flat_std_steps:g} or more, the '
        'noise of a camera',
        image._asdict(),
    )


def units_wrong(
    image: ThermalStatistics, inputs: ThermalInputConfig, limits: ThermalMonitorConfig
) -> Finding | None:
    """UNITS: no temperature in the image is plausible, as with a wrong scale or offset.

    A cold sky over a strip of ground is plausible.
    """
    is_plausible = image.hot_k >= inputs.valid_min_k and image.cold_k <= inputs.valid_max_k
    if inputs.kind == RELATIVE or not image.valid_ratio or is_plausible:
        return None
    raw, advice = '', 'check scale_k and offset_k'
    if image.raw_median:
        raw = f' (raw values of {image.raw_median:g})'
        advice = thermal_hint(image.raw_median, image.raw_bits, inputs.scale_k)
    return Finding(
        Reason.UNITS,
        f'median is {image.median_k:.1f} K{raw}; expected {inputs.valid_min_k:g} to '
        f'{inputs.valid_max_k:g}: {advice}',
        image._asdict(),
    )


def varied(image: Image, rng: np.random.Generator) -> Float:
    """Change the contrast about the median, and the temperature of everything."""
    some = image[::8, ::8]
    some = some[some > 0]
    middle = np.float32(np.median(some)) if some.size else np.float32(0)
    gain, shift = np.float32(rng.uniform(0.85, 1.15)), np.float32(rng.normal(0, 1.5))
    return np.where(image > 0, (image - middle) * gain + (middle + shift), 0).astype(np.float32)


def flat(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
    """Return the median, with a step more or less in one pixel of a hundred; 0.5 mK of kelvin."""
    one_level: Pixels = np.full(pixels.shape, np.median(pixels), np.float32)
    if pixels.dtype.kind == 'f':
        noise = rng.standard_normal(pixels.shape, dtype=np.float32)
        one_level += _FLAT_SIGMA_K * noise
        return one_level
    places = rng.integers(pixels.size, size=max(1, pixels.size // 100))
    one_level.reshape(-1)[places] += rng.choice((-1, 1), places.size)
    stepped: Pixels = np.rint(one_level)
    return stepped


def wrong_units(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
    """Return values in steps of another size."""
    scaled: Pixels = pixels.astype(np.float32) * np.float32(fault['gain'])
    if pixels.dtype.kind == 'u':
        scaled = np.rint(scaled).clip(0, np.iinfo(pixels.dtype).max)
    return scaled


_LOOK = Look(
    span=span_of, dirt_span=span_of, dirt=(0.45, 0.45, 0.45), dirt_contrast=0.02, veil=0.5
)
_DAMAGE = {**lens_faults(_LOOK), **electronic_faults(span_of), **ghost_faults(span_of)}

THERMAL = SensorKind(
    modality=Modality.THERMAL,
    short_name='T',
    unit='kelvin',
    unit_sign='K',
    plausible=(200.0, 500.0),
    is_color=False,
    channels=2,
    shrink=cv2.INTER_NEAREST,
    encodings=('mono16', '16UC1', 'mono8', '8UC1', '32FC1', 'bgr8', 'rgb8', '8UC3', *YUV),
    file_encodings={'uint16': 'mono16', 'uint8': 'mono8', 'float32': '32FC1'},
    content='one channel of temperatures',
    topic_words=('thermal', 'infra', 'lwir', 'flir', 'boson', 'lepton', 'ir/'),
    arranged=grey,
    units=ThermalUnits,
    normalization=ThermalNormalization,
    measure=measure,
    checks=(is_flat, units_wrong),
    view=ViewScale(263.15, 323.15, cv2.COLORMAP_INFERNO, _COLD_SKY_K),
    varied=varied,
    faults={'flat': flat, 'wrong_units': wrong_units, **_DAMAGE},
    has_shutter=True,
)
