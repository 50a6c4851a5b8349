"""How an image looks under the faults of its content. Sensor noise stays, as on a real camera."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation.faults.pixels import Pixels, pixels_of, raw_image
from mm_robust_seg.simulation.faults.spec import FaultSpec
from mm_robust_seg.simulation.faults.vocabulary import Fault

_DARK_SIGMA = 1.5
_FLAT_SIGMA = 0.5
_FLAT_SIGMA_K = 0.005
_SPECKLE_SHARE = 0.01
_SPECKLE_M = 0.4
_COLOURS = 3


def degraded(image: RawImage, fault: FaultSpec, chance: np.random.Generator) -> RawImage:
    """Return the image as the camera sends it with a fault that rewrites pixels.

    A malformed one stays as it is.

    Raises:
        DataError: if the encoding is not one whose pixels can be changed.
    """
    pixels = pixels_of(image)
    if pixels is None:
        return image
    if fault.kind is Fault.WRONG_ENCODING:
        return _of_another_kind(image, pixels)
    if fault.kind is Fault.WRONG_SIZE:
        return raw_image(image, pixels[::2, ::2])
    if fault.kind is Fault.WRONG_UNITS:
        return raw_image(image, _scaled(pixels, fault['gain']))
    colours = pixels[..., :_COLOURS]
    colours[:] = _DEGRADED[fault.kind](colours, chance)
    return raw_image(image, pixels)


def _of_another_kind(image: RawImage, pixels: Pixels) -> RawImage:
    """Return a grey 16-bit image in place of RGB, and a coloured one in place of the others."""
    if image.modality is Modality.RGB:
        return raw_image(image, pixels[..., 0].astype(np.uint16), '16UC1')
    return raw_image(image, np.repeat(pixels.astype(np.uint8), _COLOURS, axis=2), 'rgb8')


def _scaled(pixels: Pixels, gain: float) -> Pixels:
    scaled: Pixels = pixels.astype(np.float32) * np.float32(gain)
    if pixels.dtype.kind == 'u':
        scaled = np.rint(scaled).clip(0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
    return scaled


def _dark(pixels: Pixels, chance: np.random.Generator) -> Pixels:
    return np.abs(_noise(pixels, chance) * _DARK_SIGMA)


def _saturated(pixels: Pixels, chance: np.random.Generator) -> Pixels:
    return 255.0 - _dark(pixels, chance)


def _flat(pixels: Pixels, chance: np.random.Generator) -> Pixels:
    level = float(np.median(pixels))
    if pixels.dtype.kind == 'f':
        return level + _FLAT_SIGMA_K * _noise(pixels, chance)
    flat: Pixels = np.rint(level + _FLAT_SIGMA * _noise(pixels, chance))
    return flat


def _no_return(pixels: Pixels, chance: np.random.Generator) -> Pixels:
    """Leave stray returns near the camera; the rest is invalid: 0 mm, or not a number of m."""
    stray = chance.random(pixels.shape) < _SPECKLE_SHARE
    if pixels.dtype.kind == 'f':
        return np.where(stray, _SPECKLE_M, np.nan)
    return stray * _SPECKLE_M * 1000


def _noise(pixels: Pixels, chance: np.random.Generator) -> Pixels:
    return chance.standard_normal(pixels.shape, dtype=np.float32)


_DEGRADED: Mapping[Fault, Callable[[Pixels, np.random.Generator], Pixels]] = {
    Fault.DARK: _dark,
    Fault.SATURATED: _saturated,
    Fault.FLAT: _flat,
    Fault.NO_RETURN: _no_return,
}
