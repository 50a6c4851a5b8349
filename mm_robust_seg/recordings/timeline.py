# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""When the messages of a bag were recorded, and what they are stamped."""

from __future__ import annotations

from dataclasses import dataclass
import struct

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modality import Modality

_SECOND_NS = 1_000_000_000
_SHORTEST_PERIOD_S, _LONGEST_PERIOD_S = 0.001, 10.0


@dataclass(frozen=True)
class Timeline:
    """The messages of a bag, in the order in which it is read.

    Attributes:
        sensors: whose image each message is; None for true labels.
        times_ns: bag time of each, (N,) int64.
        stamps_ns: header stamp of each, (N,) int64.
        lost: messages that the bag's index counts, and the bag does not hold.
    """

    sensors: tuple[Modality | None, ...]
    times_ns: NDArray[np.int64]
    stamps_ns: NDArray[np.int64]
    lost: int = 0

    def __post_init__(self) -> None:
        if not len(self.sensors) == len(self.times_ns) == len(self.stamps_ns):
            raise ValueError('a timeline needs a sensor, a time and a stamp for each message')
        self.times_ns.setflags(write=False)
        self.stamps_ns.setflags(write=False)

    def of(self, modality: Modality) -> NDArray[np.intp]:
        """Return the places of a sensor's messages."""
        return np.array([n for n, m in enumerate(self.sensors) if m is modality], np.intp)

    def part(self, part: slice) -> Timeline:
        """Return some of the messages."""
        return Timeline(self.sensors[part], self.times_ns[part], self.stamps_ns[part])

    def rates_hz(self) -> dict[Modality, float]:
        """Return the frame rate of each sensor: the inverse median spacing of its stamps.

        Sensors are left out where that is no usable rate.
        """
        rates_hz = {}
        for modality in Modality:
            stamps_ns = np.unique(self.stamps_ns[self.of(modality)])
            spacing_s = float(np.median(np.diff(stamps_ns))) * 1e-9 if len(stamps_ns) > 1 else 0.0
            if _SHORTEST_PERIOD_S <= spacing_s <= _LONGEST_PERIOD_S:
                rates_hz[modality] = round(1 / spacing_s, 2)
        return rates_hz


def header_stamp_ns(message: bytes, is_ros1: bool) -> int:
    """Read the stamp of a serialised message that begins with a header.

    Raises:
        struct.error: if the message is shorter than that.
    """
    if is_ros1:
        _, seconds, nanoseconds = struct.unpack_from('<III', message)
    else:
        _, kind = struct.unpack_from('BB', message)
        order = '<' if kind & 1 else '>'
        seconds, nanoseconds = struct.unpack_from(f'{order}iI', message, 4)
    return int(seconds) * _SECOND_NS + int(nanoseconds)
