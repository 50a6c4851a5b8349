# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What every kind of sensor has in its sections of the configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from mm_robust_seg.finding import Reason
from mm_robust_seg.modalities.kind import Normalization, Units
from mm_robust_seg.schema import parameter

MAX_PIXELS = 16_000_000
"""Of an image, unless its sensor is set to send larger ones."""


@dataclass(frozen=True)
class InputConfig(ABC):
    """What is common to the inputs: the section ``inputs.<kind>``."""

    enabled: bool = parameter(True, 'Subscribe to this sensor.', live=False)
    required: bool = parameter(
        False, 'Publish nothing while this sensor is not usable.', live=False
    )
    expected_rate_hz: float = parameter(
        0.0, 'Nominal frame rate; 0 means learned from the stream.', 0.0, 1000.0, live=False
    )
    hold_s: float = parameter(
        0.0,
        'How long before the mask a frame may have been taken that still takes part; 0 means '
        '1.5 of its periods and its latency.',
        0.0,
        10.0,
        live=False,
    )
    stamp: str = parameter(
        'message',
        'When an image was taken: as its header says, or, for a driver without a usable clock, '
        'when it arrived.',
        choices=('message', 'arrival'),
        live=False,
    )
    stamp_offset_s: float = parameter(
        0.0,
        'Added to every stamp where frames are matched and judged; what is published keeps the '
        "image's own stamp.",
        -1e10,
        1e10,
        live=False,
    )
    transport: str = parameter(
        'raw',
        'sensor_msgs/Image, or CompressedImage on the topic of this transport.',
        choices=('raw', 'compressed', 'compressedDepth'),
        live=False,
    )
    max_pixels: int = parameter(
        MAX_PIXELS,
        'Largest image that is decoded, width times height; others are refused by their headers.',
        1,
        200_000_000,
        live=False,
    )
    frame_alias: str = parameter('', 'Replaces header.frame_id when not empty.', live=False)

    @property
    @abstractmethod
    def units(self) -> Units:
        """What the pixels of this input mean."""

    @property
    def without_jpeg(self) -> str:
        """What is expected where a JPEG would alter the values; empty if it is welcome."""
        return 'PNG or a raw image'

    def stamp_ns(self, message_ns: int, arrival_ns: int) -> int:
        """Return when an image was taken, by the stamp and the arrival of its message."""
        sent_ns = message_ns if self.stamp == 'message' else arrival_ns
        return sent_ns + round(self.stamp_offset_s * 1e9)

    def network(self, normalization: Normalization) -> Normalization:
        """Return what makes a network's input of the images of this input."""
        return normalization

    @property
    def ranges(self) -> tuple[tuple[str, str], ...]:
        """The names of parameters that are the lower and upper bound of one range."""
        return ()


@dataclass(frozen=True)
class SensorMonitorConfig:
    """Health rules common to all sensors: the section ``monitor.<kind>``."""

    timeout_s: float = parameter(0.0, 'Silence limit; 0 means max(4 periods, 0.1 s).', 0.0, 60.0)
    startup_grace_s: float = parameter(10.0, 'Time for the first frame to come.', 0.0, 600.0)
    rate_warn_ratio: float = parameter(0.8, 'Share of the nominal rate that warns.', 0.0, 1.0)
    rate_fail_ratio: float = parameter(0.5, 'Share of the nominal rate that fails.', 0.0, 1.0)
    max_age_s: float = parameter(0.5, 'Oldest acceptable stamp at arrival.', 0.0, 60.0)
    max_future_s: float = parameter(0.1, 'Most a stamp may lie in the future.', 0.0, 60.0)
    frozen_frames: int = parameter(
        5, 'Equal frames that mean frozen (and frozen_s); 0: never.', 0, 1000
    )
    frozen_s: float = parameter(0.3, 'Time of equal frames that means frozen.', 0.0, 60.0)

    @property
    def shutter_max_s(self) -> float | None:
        """How long a closed shutter may explain equal frames; None for a sensor without one."""
        return None


@dataclass(frozen=True)
class DamageMonitorConfig(SensorMonitorConfig):
    """Health rules of a sensor whose images have detail, by which damage is told.

    Measured distances have none: they say themselves where nothing returned.
    """

    damage_s: float = parameter(
        0.5, 'Time that damage of the image must last to be told; 0: never looked for.', 0.0, 60.0
    )
    damage_warn_ratio: float = parameter(
        0.25, 'Share of the image that is lost from which damage warns.', 0.0, 1.0
    )
    damage_fail_ratio: float = parameter(
        0.3, 'Share of the image that is hidden from which damage fails.', 0.0, 1.0
    )
    damage_blur_px: float = parameter(
        1.7, 'Blur that fails: sigma in an image 320 px wide.', 0.0, 100.0
    )
    damage_noise_ratio: float = parameter(
        0.02, 'Noise that fails: deviation as a share of the range.', 0.0, 10.0
    )

    @property
    def damage_limits(self) -> Mapping[Reason, float]:
        """How strong each kind of damage must be to fail."""
        return {
            Reason.OBSTRUCTED: self.damage_fail_ratio,
            Reason.GHOST: self.damage_fail_ratio,
            Reason.BLURRED: self.damage_blur_px,
            Reason.NOISY: self.damage_noise_ratio,
        }
