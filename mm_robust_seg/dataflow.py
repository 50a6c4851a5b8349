# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What travels between the stages: immutable, checked once, read-only arrays.

Times are integers in nanoseconds: ``stamp_ns`` on the sensors' clock (its offset applied),
``arrival_ns`` and ``now_ns`` on the clock of whoever drives the pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.finding import (  # part of this vocabulary
    HealthLevel as HealthLevel,  # noqa: PLC0414
)
from mm_robust_seg.finding import (
    HealthReport as HealthReport,  # noqa: PLC0414
)
from mm_robust_seg.finding import (
    Reason as Reason,  # noqa: PLC0414
)
from mm_robust_seg.finding import (
    SensorHealth as SensorHealth,  # noqa: PLC0414
)
from mm_robust_seg.foreign_text import NAME_LENGTH, shortened
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.kind import StoredValues
from mm_robust_seg.modality import Modality, ModalitySet

UNLABELED = 255
"""Label of a pixel without a class (the ignore index, and the mask when no sensor is left)."""

_ENCODING_LENGTH = 80
"""More than any encoding or format text that drivers write."""


@dataclass(frozen=True)
class RawImage:
    """One image message, not yet decoded; the fields of sensor_msgs/Image.

    Its texts are made short and printable here, where they enter.

    Attributes:
        data: the message's bytes, any buffer; ``encoding`` says how to read them.
        encoding: a sensor_msgs encoding, or ``compressed`` followed by the format text of
            sensor_msgs/CompressedImage (``'compressed jpeg'``); then the sizes are 0.
    """

    modality: Modality
    stamp_ns: int
    height_px: int
    width_px: int
    encoding: str
    step_bytes: int
    data: bytes | bytearray | memoryview | NDArray[np.uint8]
    is_bigendian: bool = False
    frame_id: str = ''

    def __post_init__(self) -> None:
        object.__setattr__(self, 'encoding', shortened(self.encoding, _ENCODING_LENGTH))
        object.__setattr__(self, 'frame_id', shortened(self.frame_id, NAME_LENGTH))


@dataclass(frozen=True)
class Frame:
    """One decoded image in the package's units.

    Attributes:
        image: RGB: (H, W, 3) uint8 in R, G, B order. Thermal: (H, W) float32 in kelvin.
            Depth: (H, W) float32 in metres. 0 marks an invalid thermal or depth pixel; see
            ``modalities.SensorKind``.
        encoding, step_bytes: of the message, as in ``RawImage``.
        offset_ns: what was added to the message's own stamp, so that all sensors share one clock.
        stored: what the message held, where its values are measured ones.
        valid: (H, W) bool, false where the pixels are known to be of no use, besides what the
            image says itself: torn rows, covered tiles, what lies outside the view. None: nothing
            is known.
    """

    modality: Modality
    stamp_ns: int
    arrival_ns: int
    image: NDArray[np.uint8] | NDArray[np.float32]
    frame_id: str = ''
    encoding: str = ''
    step_bytes: int = 0
    offset_ns: int = 0
    stored: StoredValues | None = None
    valid: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        dtype, ndim = KINDS[self.modality].layout
        if self.image.dtype != dtype or self.image.ndim != ndim or not self.image.size:
            raise ValueError(
                f'{self.modality} frame has shape {self.image.shape} and dtype '
                f'{self.image.dtype}; expected {ndim} dimensions of {np.dtype(dtype)}'
            )
        self.image.setflags(write=False)
        if self.valid is not None:
            if self.valid.dtype != np.bool_ or self.valid.shape != self.image.shape[:2]:
                raise ValueError(
                    f'the validity of a {self.modality} frame has shape {self.valid.shape} and '
                    f'dtype {self.valid.dtype}; expected bool of {self.image.shape[:2]}, the size '
                    'of its image'
                )
            self.valid.setflags(write=False)

    @property
    def header_stamp_ns(self) -> int:
        """The stamp of the message, as others know it."""
        return self.stamp_ns - self.offset_ns


@dataclass(frozen=True)
class Rejection:
    """An image message that could not be decoded: evidence for the health monitor."""

    modality: Modality
    stamp_ns: int
    arrival_ns: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class FrameSet:
    """Frames for one mask; at most one per modality.

    Attributes:
        frames: the members, by modality; some may be held, that is, older than the moment.
        pace: the sensor whose frame called for the mask; the mask is of its moment.
        opened_ns: arrival of the first member that was taken at this moment.
        closed_ns: when the set was complete, or its deadline passed.
    """

    frames: Mapping[Modality, Frame]
    pace: Modality
    opened_ns: int
    closed_ns: int

    def __post_init__(self) -> None:
        if self.pace not in self.frames:
            raise ValueError(f'a frame set needs at least one frame: that of {self.pace}')
        object.__setattr__(self, 'frames', MappingProxyType(dict(self.frames)))

    @property
    def stamp_ns(self) -> int:
        """The moment: the stamp of the frame that called for the mask."""
        return self.frames[self.pace].stamp_ns

    @property
    def ages_s(self) -> Mapping[Modality, float]:
        """How long before the moment each member was taken, in seconds; negative if after."""
        return {m: (self.stamp_ns - f.stamp_ns) * 1e-9 for m, f in self.frames.items()}

    @property
    def members(self) -> ModalitySet:
        """The modalities that are present."""
        return ModalitySet(self.frames)

    @property
    def skew_s(self) -> float:
        """Largest difference between two members' stamps, in seconds."""
        stamps = [frame.stamp_ns for frame in self.frames.values()]
        return (max(stamps) - min(stamps)) * 1e-9

    @property
    def wait_s(self) -> float:
        """Time the first member waited for the others, in seconds."""
        return (self.closed_ns - self.opened_ns) * 1e-9


@dataclass(frozen=True)
class Job:
    """What was decided for one mask; an empty ``combination`` asks for an unlabeled one."""

    frames: FrameSet
    combination: ModalitySet
    report: HealthReport


@dataclass(frozen=True)
class Prediction:
    """What an engine returns, at the network's input size.

    Attributes:
        labels: (h, w) uint8 class ids.
        confidence: (h, w) uint8, the largest class probability x 255.
        duration_s: time of the inference alone.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    duration_s: float


@dataclass(frozen=True)
class Segmentation:
    """A published result, at the size of the reference frame.

    Attributes:
        labels: (H, W) uint8 class ids, ``UNLABELED`` where there is none.
        confidence: (H, W) uint8, the largest class probability x 255.
        reference: the frame whose header, size and pixels the mask belongs to.
        combination: the sensors whose images were used.
        report: the health of all sensors when the combination was chosen.
        frames: the set that the mask was made of.
        switched: whether this is the first mask of a new combination.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    reference: Frame
    combination: ModalitySet
    report: HealthReport
    frames: FrameSet
    inference_s: float
    switched: bool

    @property
    def stamp_ns(self) -> int:
        """The moment of the mask: the stamp of the frame that called for it."""
        return self.frames.stamp_ns

    @property
    def header_stamp_ns(self) -> int:
        """The same as that frame's message has it: what is published carries this stamp."""
        return self.frames.frames[self.frames.pace].header_stamp_ns

    @property
    def degraded(self) -> ModalitySet:
        """The sensors of the combination that were used for want of better ones."""
        return self.report.degraded(self.combination)
