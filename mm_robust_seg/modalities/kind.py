# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a kind of sensor is: a value that the rest of the package asks, and never takes apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.finding import Finding
from mm_robust_seg.modality import Modality

Pixels = NDArray[Any]
"""Stored pixels in the type of their message or file: (H, W), or (H, W, C)."""
Image = NDArray[np.uint8] | NDArray[np.float32]
"""An image in the package's units, as in ``dataflow.Frame.image``."""
Float = NDArray[np.float32]


class UnfitPixelsError(RobustSegError):
    """Pixels of a type that the sensor may send, which are not of such a sensor; says why."""


class StoredValues(NamedTuple):
    """What a message held, before it was converted.

    Attributes:
        median: of the values that are finite and not 0; 0 if there are none.
        share: of these values.
        bits: of an integer; 0 for floating point.
    """

    median: float
    share: float
    bits: int


class Units(Protocol):
    """What stored pixels mean; the same for messages, files and recordings."""

    def image(self, stored: Pixels) -> Image:
        """Return the image: colours as they are, all else float32 with 0 where invalid.

        Args:
            stored: (H, W, 3) uint8 in R, G, B order, or (H, W); it is not changed.
        """

    def unlimited(self) -> Units:
        """Return units that keep what lies beyond the sensor's range."""


class Normalization(Protocol):
    """The numbers by which a network wants one kind of image scaled."""

    def network_input(self, image: Image) -> Float:
        """Scale an image of the network's size to (C, h, w) float32."""


class Statistics(Protocol):
    """Numbers that tell a good image from a useless one, by name with unit; a named tuple."""

    def _asdict(self) -> dict[str, float]: ...


class Measure(Protocol):
    """Computes the statistics of a sample of an image's pixels."""

    def __call__(self, sample: Pixels, stored: StoredValues | None = None) -> Statistics:
        """Return the statistics; ``stored`` is what the message held, where that is known."""


ContentCheck = Callable[[Any, Any, Any], Finding | None]
"""Judges the statistics of an image by the sections ``inputs.<kind>`` and ``monitor.<kind>``."""
Fault = Callable[[Pixels, Mapping[str, float], np.random.Generator], Pixels]
"""Degrades stored pixels, given the numbers of a fault and the source of chance."""


@dataclass(frozen=True)
class ViewScale:
    """How values are shown to people.

    Attributes:
        darkest, brightest: values at the ends of a grey scale.
        color_map: OpenCV's number of the false colours.
        most_below_median: how far below the median false colours begin, at most.
    """

    darkest: float
    brightest: float
    color_map: int
    most_below_median: float = float('inf')


@dataclass(frozen=True)
class SensorKind:
    """All that is special about one kind of sensor.

    Attributes:
        modality: its name everywhere.
        short_name: its name where there is little room.
        unit: what the values of its images are in, as a bundle's manifest states it.
        unit_sign: the same for people.
        plausible: where the values of a data set are expected, in this unit.
        is_color: whether its images are (H, W, 3) uint8 in R, G, B order, and every value is
            valid; otherwise they are (H, W) float32, and 0 marks an invalid pixel.
        channels: of the input of a network that is not told what is valid.
        shrink: OpenCV interpolation by which its images are made smaller.
        encodings: the sensor_msgs encodings that it may send.
        doubtful: what to tell the user about an encoding that is taken for another one.
        file_encodings: the encoding of what files, and simulated cameras, hold, by NumPy type.
        content: what its image files hold, in words.
        topic_words: parts of topic names that speak of it.
        arranged: lays the pixels of an encoding, (H, W, C), out for ``Units.image``; may raise
            UnfitPixelsError.
        units: the class of its units; its defaults are what a robot assumes.
        normalization: the class of its normalisation.
        measure: computes the statistics of a sample of an image's pixels.
        checks: of the content; of several that fail, the first names the reason.
        view: how its values are shown to people; None for colours, which are shown as they are.
        varied: augments an image as such a sensor may differ, with the only source of chance.
        faults: how stored pixels look under a fault of the content, by the fault's name.
        has_shutter: whether a shutter closes before it from time to time.
        states_validity: whether the last of its ``channels`` is its validity.
    """

    modality: Modality
    short_name: str
    unit: str
    unit_sign: str
    plausible: tuple[float, float]
    is_color: bool
    channels: int
    shrink: int
    encodings: tuple[str, ...]
    file_encodings: Mapping[str, str]
    content: str
    topic_words: tuple[str, ...]
    arranged: Callable[[str, Pixels], Pixels]
    units: Callable[..., Units]
    normalization: Callable[..., Normalization]
    measure: Measure
    checks: tuple[ContentCheck, ...]
    view: ViewScale | None
    varied: Callable[[Image, np.random.Generator], Image]
    faults: Mapping[str, Fault]
    doubtful: Mapping[str, str] = field(default_factory=dict)
    has_shutter: bool = False
    states_validity: bool = False

    @property
    def layout(self) -> tuple[type[np.generic], int]:
        """NumPy type and number of dimensions of an image."""
        return (np.uint8, 3) if self.is_color else (np.float32, 2)

    def input_channels(self, validity: bool) -> int:
        """Count the channels of a network input; with ``validity``, the last one is that."""
        return self.channels + (validity and not self.states_validity)

    def valid(self, image: Image) -> NDArray[np.bool_]:
        """Return what an image of this kind says itself: (H, W), false where a value is none."""
        if self.is_color:
            return np.ones(image.shape[:2], np.bool_)
        return np.asarray(image > 0)
