"""Thermal cameras: temperature in kelvin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from mm_robust_seg.finding import Finding, Reason
from mm_robust_seg.modalities.kind import Float, Image, Pixels, SensorKind, ViewScale
from mm_robust_seg.modalities.measured import grey, kept, share
from mm_robust_seg.modalities.sections import InputConfig, SensorMonitorConfig
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import parameter

_LEAST_K = np.nextafter(np.float32(0), np.float32(1))
_CLIP = 3.0
_FLAT_SIGMA = 0.5
_COLD_SKY_K = 12.0
"""A clear sky is farther below the ground than things on the ground are from each other."""
_FLAT_SIGMA_K = 0.005


@dataclass(frozen=True)
class ThermalUnits:
    """Kelvin = scale_k x stored + offset_k; what is not above 0 K is invalid."""

    scale_k: float = parameter(0.01, 'Kelvin of one step.', 1e-12)
    offset_k: float = parameter(0.0, 'Kelvin of the stored value 0.')

    def image(self, stored: Pixels) -> Float:
        """Return (H, W) float32 kelvin, 0 where it is not finite or not above 0 K."""
        kelvin = stored.astype(np.float32)
        with np.errstate(over='ignore', invalid='ignore'):
            if stored.dtype.kind == 'u':
                kelvin *= np.float32(self.scale_k)
                kelvin += np.float32(self.offset_k)
            return kept(kelvin, _LEAST_K, np.finfo(np.float32).max)

    def unlimited(self) -> ThermalUnits:
        """Return the same: no temperature is beyond the range."""
        return self


@dataclass(frozen=True)
class ThermalInputConfig(InputConfig):
    """Thermal input: kelvin = scale_k x raw value + offset_k."""

    scale_k: float = parameter(
        ThermalUnits.scale_k, 'Kelvin per raw step (integer encodings).', 1e-6, live=False
    )
    offset_k: float = parameter(
        ThermalUnits.offset_k, 'Kelvin of raw value 0.', -1000.0, 1000.0, live=False
    )
    valid_min_k: float = parameter(233.15, 'Coldest plausible median.', 0.0, 5000.0, live=False)
    valid_max_k: float = parameter(473.15, 'Hottest plausible median.', 0.0, 5000.0, live=False)

    @property
    def units(self) -> ThermalUnits:
        """What the pixels mean."""
        return ThermalUnits(self.scale_k, self.offset_k)

    @property
    def ranges(self) -> tuple[tuple[str, str], ...]:
        """The names of the bounds."""
        return (('valid_min_k', 'valid_max_k'),)


@dataclass(frozen=True)
class ThermalMonitorConfig(SensorMonitorConfig):
    """Health rules of thermal."""

    ffc_max_s: float = parameter(3.0, 'Longest freeze that is a shutter calibration.', 0.0, 60.0)
    flat_std_k: float = parameter(0.05, 'Standard deviation (K) that means flat.', 0.0)

    @property
    def shutter_max_s(self) -> float:
        """How long the shutter may explain equal frames."""
        return self.ffc_max_s


@dataclass(frozen=True)
class ThermalNormalization:
    """Absolute temperature, and temperature relative to the image's median.

    The second keeps differences of a kelvin visible beside a hot engine.

    Attributes:
        mean_k, std_k: scale of the absolute channel.
        detail_k: scale of the relative channel.
    """

    mean_k: float
    std_k: float
    detail_k: float

    def network_input(self, image: Image) -> Float:
        """Return the two channels, (2, h, w); both are 0 where the image is invalid."""
        kelvin = image.astype(np.float32, copy=False)
        valid = kelvin > 0
        some = kelvin[::4, ::4]
        some = some[some > 0]
        median = np.float32(np.median(some)) if some.size else np.float32(self.mean_k)
        out = np.empty((2, *kelvin.shape), np.float32)
        np.subtract(kelvin, np.float32(self.mean_k), out=out[0])
        out[0] *= np.float32(1.0 / self.std_k)
        np.subtract(kelvin, median, out=out[1])
        out[1] *= np.float32(1.0 / self.detail_k)
        np.clip(out, -_CLIP, _CLIP, out=out)
        out *= valid
        return out


class ThermalStatistics(NamedTuple):
    """Valid pixels of a thermal image; the median is 0 if there is none."""

    valid_ratio: float
    median_k: float
    std_k: float


def measure(sample: Pixels) -> ThermalStatistics:
    """Compute the statistics of the pixels."""
    valid = sample > 0
    kelvin, valid_ratio = sample[valid], share(valid)
    if not kelvin.size:
        return ThermalStatistics(valid_ratio, median_k=0.0, std_k=0.0)
    _, std = cv2.meanStdDev(kelvin)
    return ThermalStatistics(valid_ratio, float(np.median(kelvin)), float(std[0, 0]))


def is_flat(
    image: ThermalStatistics, inputs: ThermalInputConfig, limits: ThermalMonitorConfig
) -> Finding | None:
    """FLAT: the image holds one value, or no valid pixel."""
    if image.std_k >= limits.flat_std_k:
        return None
    return Finding(
        Reason.FLAT,
        f'image varies by {image.std_k:.3f} K; expected {limits.flat_std_k:g} or more',
        image._asdict(),
    )


def units_wrong(
    image: ThermalStatistics, inputs: ThermalInputConfig, limits: ThermalMonitorConfig
) -> Finding | None:
    """UNITS: the median temperature is implausible, as with a wrong scale or offset."""
    if not image.valid_ratio or inputs.valid_min_k <= image.median_k <= inputs.valid_max_k:
        return None
    return Finding(
        Reason.UNITS,
        f'median is {image.median_k:.1f} K; expected {inputs.valid_min_k:g} to '
        f'{inputs.valid_max_k:g}: check scale_k and offset_k',
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
    """Return the median, with noise: of half a step of integers, of 5 mK of kelvin."""
    level = float(np.median(pixels))
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    if pixels.dtype.kind == 'f':
        return level + _FLAT_SIGMA_K * noise
    one_level: Pixels = np.rint(level + _FLAT_SIGMA * noise)
    return one_level


def wrong_units(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
    """Return values in steps of another size."""
    scaled: Pixels = pixels.astype(np.float32) * np.float32(fault['gain'])
    if pixels.dtype.kind == 'u':
        scaled = np.rint(scaled).clip(0, np.iinfo(pixels.dtype).max)
    return scaled


THERMAL = SensorKind(
    modality=Modality.THERMAL,
    short_name='T',
    unit='kelvin',
    unit_sign='K',
    plausible=(200.0, 500.0),
    is_color=False,
    channels=2,
    shrink=cv2.INTER_NEAREST,
    encodings=('mono16', '16UC1', 'mono8', '8UC1', '32FC1', 'bgr8', 'rgb8', '8UC3'),
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
    faults={'flat': flat, 'wrong_units': wrong_units},
    has_shutter=True,
)
