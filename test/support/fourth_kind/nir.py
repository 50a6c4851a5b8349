# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Near-infrared cameras: brightness in thousandths of full scale; a kind made up for a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from mm_robust_seg.finding import Finding, Reason
from mm_robust_seg.modalities.kind import (
    Float,
    Image,
    Pixels,
    SensorKind,
    StoredValues,
    ViewScale,
)
from mm_robust_seg.modalities.measured import first_channel, kept
from mm_robust_seg.modalities.sections import InputConfig, SensorMonitorConfig
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import parameter


@dataclass(frozen=True)
class NirUnits:
    """Brightness = scale x stored; 0 is a dead pixel."""

    scale: float = parameter(1.0, 'Thousandths of one step.', 1e-12)

    def image(self, stored: Pixels) -> Float:
        """Return (H, W) float32 thousandths of full scale."""
        brightness = stored.astype(np.float32)
        if stored.dtype.kind == 'u':
            brightness *= np.float32(self.scale)
        return kept(brightness, np.float32(0), np.float32(1000))

    def unlimited(self) -> NirUnits:
        """Return the same."""
        return self


@dataclass(frozen=True)
class NirInputConfig(InputConfig):
    """Near-infrared input."""

    enabled: bool = parameter(False, 'Subscribe to this sensor.', live=False)
    scale: float = parameter(NirUnits.scale, 'Thousandths per raw step.', 1e-6, live=False)

    @property
    def units(self) -> NirUnits:
        """What the pixels mean."""
        return NirUnits(self.scale)


@dataclass(frozen=True)
class NirMonitorConfig(SensorMonitorConfig):
    """Health rules of near infrared."""

    dark_mean: float = parameter(10.0, 'Mean under which the image is dark.', 0.0, 1000.0)


@dataclass(frozen=True)
class NirNormalization:
    """One channel, scaled."""

    mean: float
    std: float

    def network_input(self, image: Image) -> Float:
        """Return the channel, (1, h, w)."""
        scaled = (image - np.float32(self.mean)) / np.float32(self.std)
        return np.asarray(scaled[np.newaxis], np.float32)


class NirStatistics(NamedTuple):
    """Brightness of an image."""

    mean: float


def measure(sample: Pixels, stored: StoredValues | None = None) -> NirStatistics:
    """Compute the statistics of the pixels."""
    return NirStatistics(float(sample.mean()))


def is_dark(
    image: NirStatistics, inputs: NirInputConfig, limits: NirMonitorConfig
) -> Finding | None:
    """DARK: hardly any light."""
    if image.mean >= limits.dark_mean:
        return None
    return Finding(Reason.DARK, f'mean is {image.mean:g}', image._asdict())


def varied(image: Image, rng: np.random.Generator) -> Float:
    """Change the exposure."""
    return (image * np.float32(rng.uniform(0.5, 0.9))).astype(np.float32)


def dark(pixels: Pixels, fault: Mapping[str, float], rng: np.random.Generator) -> Pixels:
    """Return black."""
    return np.zeros_like(pixels)


NIR = SensorKind(
    modality=Modality.NIR,
    short_name='NIR',
    unit='thousandth',
    unit_sign='‰',
    plausible=(0.0, 1000.0),
    is_color=False,
    channels=1,
    shrink=cv2.INTER_AREA,
    encodings=('mono8', 'mono16'),
    file_encodings={'uint16': 'mono16', 'uint8': 'mono8'},
    content='one channel of brightness',
    topic_words=('nir', 'near_infrared'),
    arranged=first_channel,
    units=NirUnits,
    normalization=NirNormalization,
    measure=measure,
    checks=(is_dark,),
    view=ViewScale(0.0, 1000.0, cv2.COLORMAP_BONE),
    varied=varied,
    faults={'dark': dark},
)
