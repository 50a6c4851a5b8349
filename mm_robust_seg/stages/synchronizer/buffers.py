# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Keep the frames that sets are made of, and count those that none was made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modality import Modality

LONG_AGO_NS = -(1 << 63)
_LONGEST_HOLD_NS = 10_000_000_000
"""The largest ``inputs.<m>.hold_s``."""


class FrameBuffers:
    """The latest frames of each sensor, by stamp.

    Args:
        modalities: whose frames are kept.

    Attributes:
        counters: see ``Synchronizer.counters``; they are never set back.
    """

    def __init__(self, modalities: Iterable[Modality]) -> None:
        self._modalities = tuple(modalities)
        self.counters = Counter({'late': 0, 'unmatched': 0, 'evicted': 0})
        self.clear()

    def clear(self) -> None:
        """Forget all frames, and which ones were used."""
        self._frames: dict[Modality, dict[int, Frame]] = {m: {} for m in self._modalities}
        self._unused: dict[Modality, set[int]] = {m: set() for m in self._modalities}
        self._used_ns = dict.fromkeys(self._modalities, LONG_AGO_NS)
        self._arrived_ns = dict.fromkeys(self._modalities, LONG_AGO_NS)
        self._given_ns = self._given_at_ns = LONG_AGO_NS

    def __getitem__(self, modality: Modality) -> Mapping[int, Frame]:
        """The frames of one sensor by stamp."""
        return self._frames[modality]

    def arrived_ns(self, modality: Modality) -> int:
        """Return when the last frame of a sensor came."""
        return self._arrived_ns[modality]

    def add(self, frame: Frame, most: int) -> None:
        """Keep a frame, at the cost of the oldest one if there would be more than ``most``.

        One that repeats a stamp, or is older than a frame that was used, is left out.
        """
        modality, frames = frame.modality, self._frames[frame.modality]
        if frame.stamp_ns <= self._used_ns[modality] or frame.stamp_ns in frames:
            self.counters['late'] += 1
            return
        if len(frames) >= most:
            self._drop(modality, min(frames), 'evicted')
        frames[frame.stamp_ns] = frame
        self._arrived_ns[modality] = max(frame.arrival_ns, self._arrived_ns[modality])
        self._unused[modality].add(frame.stamp_ns)

    def use(self, members: Mapping[Modality, Frame], moment_ns: int, now_ns: int) -> None:
        """Note that a set was given; drop what no later one can use.

        Of the frames up to the moment that is all but the newest one, and that too once nobody
        may hold it any more: a camera that has died need not keep its last image in memory.
        """
        for modality, frame in members.items():
            self._used_ns[modality] = max(self._used_ns[modality], frame.stamp_ns)
            self._unused[modality].discard(frame.stamp_ns)
        for modality, frames in self._frames.items():
            past = sorted(stamp_ns for stamp_ns in frames if stamp_ns <= moment_ns)
            is_held = bool(past) and past[-1] >= moment_ns - _LONGEST_HOLD_NS
            for stamp_ns in past[:-1] if is_held else past:
                was_given = stamp_ns <= self._given_ns
                came_late = was_given and frames[stamp_ns].arrival_ns > self._given_at_ns
                self._drop(modality, stamp_ns, 'late' if came_late else 'unmatched')
        self._given_ns, self._given_at_ns = moment_ns, now_ns

    def _drop(self, modality: Modality, stamp_ns: int, counter: str) -> None:
        del self._frames[modality][stamp_ns]
        if stamp_ns in self._unused[modality]:
            self._unused[modality].discard(stamp_ns)
            self.counters[counter] += 1
