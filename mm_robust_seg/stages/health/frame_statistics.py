"""Numbers that tell a good image from a useless one.

Everything is computed on a strided sample of at most ``_SAMPLE_PX`` pixels: well under a
millisecond, whatever the camera's resolution.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modality import Modality

_SAMPLE_PX = 20_000
_BLOCKS = (8, 8)
_WHITE = 250


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


class ThermalStatistics(NamedTuple):
    """Valid pixels of a thermal image; the median is 0 if there is none."""

    valid_ratio: float
    median_k: float
    std_k: float


class DepthStatistics(NamedTuple):
    """Share of the pixels of a depth image with a return in range."""

    valid_ratio: float


Statistics = RgbStatistics | ThermalStatistics | DepthStatistics


def measure(frame: Frame) -> tuple[int, Statistics]:
    """Return a digest, equal for equal images, and the statistics of a frame."""
    height, width = frame.image.shape[:2]
    stride = max(1, math.ceil(math.sqrt(height * width / _SAMPLE_PX)))
    sample: NDArray[Any] = np.ascontiguousarray(frame.image[::stride, ::stride])
    digest = zlib.crc32(sample.data)
    if frame.modality is Modality.RGB:
        return digest, _rgb(sample)
    valid = sample > 0
    if frame.modality is Modality.DEPTH:
        return digest, DepthStatistics(_share(valid))
    return digest, _thermal(sample[valid], _share(valid))


def _rgb(sample: NDArray[Any]) -> RgbStatistics:
    grey = cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY)
    mean, std = cv2.meanStdDev(grey)
    blocks = cv2.resize(grey.astype(np.float32), _BLOCKS, interpolation=cv2.INTER_AREA)
    return RgbStatistics(
        mean=float(mean[0, 0]),
        std=float(std[0, 0]),
        white_ratio=_share(grey >= _WHITE),
        structure=float(blocks.max() - blocks.min()),
    )


def _thermal(kelvin: NDArray[Any], valid_ratio: float) -> ThermalStatistics:
    if not kelvin.size:
        return ThermalStatistics(valid_ratio, median_k=0.0, std_k=0.0)
    _, std = cv2.meanStdDev(kelvin)
    return ThermalStatistics(valid_ratio, float(np.median(kelvin)), float(std[0, 0]))


def _share(mask: NDArray[np.bool_]) -> float:
    return np.count_nonzero(mask) / mask.size
