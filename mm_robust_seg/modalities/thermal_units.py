# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What stored thermal values mean, and what a network is given of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from mm_robust_seg.modalities.kind import Float, Image, Normalization, Pixels
from mm_robust_seg.modalities.measured import kept, sampled
from mm_robust_seg.schema import parameter

RADIOMETRIC, RELATIVE = 'radiometric', 'relative'
_LEAST_K = np.nextafter(np.float32(0), np.float32(1))
_CLIP = 3.0

_MIDDLE_K = 300.0
_SPAN_K, _SPAN_PERCENT = 10.0, (2, 50, 98)
"""The contrast that a relative image is given. Of radiometric ones, the middle 96 % span 1.4 K in
the laboratory of MM5, and 39 K in the simulated street."""
_MOST_K_PER_STEP = 0.5
"""A step of a relative image is at most this, so that a wall's noise does not become contrast."""
_FARTHEST_K = 100.0


@dataclass(frozen=True)
class ThermalUnits:
    """Kelvin, or what is warmer than what.

    Radiometric: kelvin = scale_k x stored + offset_k, where a scale of 0 is 0.01 for integers and
    1 for floating point; what is not above 0 K is invalid.

    Relative: counts without a temperature, or a contrast that the camera set. They become values
    about 300 K with a contrast of their own; ``network`` leaves the temperature out.
    """

    scale_k: float = parameter(0.01, 'Kelvin of one step of integers.', 1e-12)
    offset_k: float = parameter(0.0, 'Kelvin of the stored value 0.')
    kind: str = parameter(RADIOMETRIC, 'What is stored.', choices=(RADIOMETRIC, RELATIVE))

    @property
    def step_k(self) -> float:
        """Kelvin of the smallest difference that is stored, in an image of little contrast."""
        return _MOST_K_PER_STEP if self.kind == RELATIVE else self.scale_k

    def image(self, stored: Pixels) -> Float:
        """Return (H, W) float32 kelvin, 0 where it is invalid."""
        if self.kind == RELATIVE:
            return _contrast(stored, self.scale_k)
        kelvin = stored.astype(np.float32)
        with np.errstate(over='ignore', invalid='ignore'):
            if stored.dtype.kind == 'u':
                kelvin *= np.float32(self.scale_k)
            kelvin += np.float32(self.offset_k)
            return kept(kelvin, _LEAST_K, np.finfo(np.float32).max)

    def unlimited(self) -> ThermalUnits:
        """Return the same: no temperature is beyond the range."""
        return self

    def network(self, normalization: Normalization) -> Normalization:
        """Return what makes a network's input of images in these units."""
        if self.kind == RADIOMETRIC or not isinstance(normalization, ThermalNormalization):
            return normalization
        numbers = {f.name: getattr(normalization, f.name) for f in fields(normalization)}
        return RelativeThermalNormalization(**numbers)


def _contrast(stored: Pixels, float_step: float) -> Float:
    """Return kelvin about 300 of an image without temperature.

    Black is a value of 8 bit; in other types 0, and what is not finite, is none.
    """
    values = stored.astype(np.float32)
    valid = (stored != 0) | (stored.dtype.itemsize == 1)
    if stored.dtype.kind == 'f':
        valid &= np.isfinite(values)
    some = sampled(values)[sampled(valid)]
    if not some.size:
        return np.zeros_like(values)
    low, middle, high = np.percentile(some, _SPAN_PERCENT)
    step = float_step if stored.dtype.kind == 'f' else 1.0
    scale = min(_SPAN_K / max(high - low, 1e-30), _MOST_K_PER_STEP / step)
    with np.errstate(over='ignore', invalid='ignore'):
        values -= np.float32(middle)
        values *= np.float32(scale)
    np.clip(values, -_FARTHEST_K, _FARTHEST_K, out=values)
    values += np.float32(_MIDDLE_K)
    np.copyto(values, np.float32(0), where=~valid)
    return values


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


@dataclass(frozen=True)
class RelativeThermalNormalization(ThermalNormalization):
    """The same for images without a temperature: the absolute channel is 0, its middle."""

    def network_input(self, image: Image) -> Float:
        """Return the two channels, (2, h, w)."""
        out = super().network_input(image)
        out[0] = 0
        return out
