# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The part of a bag that is replayed, and when its messages arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.recordings.bag import BagImage, BagTruth, ImageBag
from mm_robust_seg.recordings.timeline import Timeline
from mm_robust_seg.replay.clock import Arrivals, arrivals
from mm_robust_seg.replay.silence import Silence


@dataclass(frozen=True)
class Section:
    """A part of a bag.

    Attributes:
        timeline: of the whole bag.
        arrivals: of its messages.
        first, last: places of the first message that is replayed, and after the last one.
    """

    timeline: Timeline
    arrivals: Arrivals
    first: int
    last: int

    @classmethod
    def of(cls, timeline: Timeline, clock: str, start_s: float, end_s: float) -> Section:
        """Cut a section out of a bag.

        Args:
            clock: one of ``clock.CLOCKS``.
            start_s, end_s: seconds after the first message.

        Raises:
            ConfigError: if nothing is left.
        """
        found = arrivals(timeline, clock)
        count = len(found.times_ns)
        times_s = (found.times_ns - found.times_ns[:1]) * 1e-9
        first = int(np.argmax(np.append(times_s >= start_s, True)))
        last = first + int(np.argmax(np.append(times_s[first:] >= end_s, True)))
        if count and not (0 <= start_s < end_s and first < last):
            raise ConfigError(
                f'no image is from --start {start_s:g} to --end {end_s:g}: expected seconds '
                f'within the bag, which has {times_s.max():.2f} s'
            )
        return cls(timeline, found, first, last)

    @property
    def origin_ns(self) -> int:
        """Arrival of the bag's first message."""
        return int(self.arrivals.times_ns[0]) if len(self.arrivals.times_ns) else 0

    @property
    def count(self) -> int:
        """How many messages are replayed."""
        return self.last - self.first

    @property
    def is_whole(self) -> bool:
        """Whether the bag holds all messages that its index counts."""
        return not self.timeline.lost

    @property
    def span_s(self) -> list[float]:
        """When the first and last message arrive, in seconds from the bag's first one."""
        times_ns = self.arrivals.times_ns[self.first : self.last]
        ends_ns = [times_ns[0], times_ns[-1]] if len(times_ns) else []
        return [round((int(time_ns) - self.origin_ns) * 1e-9, 3) for time_ns in ends_ns]

    def images(self, bag: ImageBag) -> Iterator[BagImage | BagTruth]:
        """Yield the messages of the section with their arrival as their time.

        Raises:
            DataError: as ``ImageBag.images``.
        """
        end = len(self.timeline.sensors)
        items = bag.images(self.first, None if self.last == end else self.last)
        for place, item in enumerate(items, self.first):
            yield replace(item, time_ns=int(self.arrivals.times_ns[place]))

    def notes(self, silences: Sequence[Silence]) -> list[str]:
        """Say what a person should know about time, lost messages and silences without effect."""
        lost = self.timeline.lost
        told = [self.arrivals.note] if self.arrivals.note else []
        if lost:
            told.append(f'{lost} messages that metadata.yaml counts are not in the files')
        part = slice(self.first, self.last)
        times_s = (self.arrivals.times_ns[part] - self.origin_ns).astype(np.float64) * 1e-9
        played = self.timeline.part(part)
        problems = (silence.problem(played, times_s) for silence in silences)
        return [*told, *filter(None, problems)]
