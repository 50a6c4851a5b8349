# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What has been seen of one sensor, as far as the checks need it."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import NamedTuple

from mm_robust_seg.dataflow import Frame, Rejection
from mm_robust_seg.stages.health.arrival_times import ArrivalTimes
from mm_robust_seg.stages.health.image_run import ImageRun
from mm_robust_seg.stages.health.nominal_rate import NominalRate
from mm_robust_seg.stages.health.publishers import Publishers
from mm_robust_seg.stages.health.stamps import Stamps
from mm_robust_seg.transport import PublisherCount

_LATEST = 15
_UNEVEN = 0.6
"""Change from step to step, of the steps: 0 for one camera, 0.3 with 20 % jitter, 2 if a camera
answers another at once."""
_FULL_RATE = 1.3
"""Periods between two stamps of a camera that sends at its full rate, at the most."""


class ImageFormat(NamedTuple):
    """How the images of a stream are laid out in its messages."""

    width_px: int
    height_px: int
    encoding: str
    step_bytes: int

    @classmethod
    def of(cls, frame: Frame) -> ImageFormat:
        """Return the layout of the message that a frame came in."""
        height_px, width_px = frame.image.shape[:2]
        return cls(width_px, height_px, frame.encoding, frame.step_bytes)


class SensorHistory:
    """The recent history of one sensor.

    Attributes:
        nominal: the rate that it should have.
        publishers: the nodes that send its messages.
        arrivals: when its messages came.
        stamps: what they were stamped.
        age_s: time from the last stamp to its arrival, less what lies in an unmonitored gap.
        good_format: of the first good image since the stream began.
        images: the run of equal images that the last one belongs to.
        rejected: unreadable messages in a row.
        handling_ns, held_ns: of the ``SelfMonitor``, when the last message came.
    """

    def __init__(self, started_ns: int, configured_hz: float) -> None:
        self.nominal = NominalRate(configured_hz)
        self.publishers = Publishers()
        self.arrivals = ArrivalTimes(started_ns, self.nominal)
        self.stamps = Stamps()
        self.age_s = 0.0
        self.good_format: ImageFormat | None = None
        self.images = ImageRun(started_ns, self.nominal)
        self.rejected = 0
        self.handling_ns = self.held_ns = 0
        self._stamp_ns: int | None = None
        self._latest: deque[tuple[int, int]] = deque(maxlen=_LATEST)

    def received(self, item: Frame | Rejection, reported_lost: int) -> None:
        """Note a message, and how many were reported lost since the one before."""
        self.came(item.stamp_ns, item.arrival_ns, reported_lost)
        self.rejected = self.rejected + 1 if isinstance(item, Rejection) else 0

    def came(self, stamp_ns: int, arrival_ns: int, reported_lost: int) -> None:
        """Note when a message came, whatever is in it."""
        waited_ns = self.arrivals.waited_ns(stamp_ns, arrival_ns)
        self.age_s = (arrival_ns - stamp_ns - waited_ns) * 1e-9
        self.arrivals.add(arrival_ns)
        if self._stamp_ns is not None:
            step_ns = stamp_ns - self._stamp_ns
            if not self.publishers.rivals:
                self.nominal.observe(step_ns)
            self._latest.append((step_ns, reported_lost))
        self._stamp_ns = stamp_ns
        self.stamps.add(stamp_ns, arrival_ns, self.age_s, reported_lost)

    def published(self, note: PublisherCount, now_ns: int) -> None:
        """Note who publishes now. The rate of several together says nothing of one."""
        had_rivals = bool(self.publishers.rivals)
        self.publishers.update(note, now_ns)
        if self.publishers.rivals and not had_rivals:
            self.nominal.forget()

    @property
    def has_lost(self) -> bool:
        """Whether messages were lost of late: reported so, or some come at the full rate."""
        full_ns = _FULL_RATE * 1e9 / self.nominal.hz
        return any(lost or 0 < step_ns < full_ns for step_ns, lost in self._latest)

    @property
    def is_uneven(self) -> bool:
        """Whether the steps from stamp to stamp change as those of two mixed streams do."""
        steps_ns = [step_ns for step_ns, _ in self._latest]
        changes_ns = [abs(after - at) for at, after in pairwise(steps_ns)]
        is_full = len(steps_ns) == _LATEST
        return is_full and sum(changes_ns) > _UNEVEN * sum(map(abs, steps_ns))

    def discount(self, counted_ns: int, gap_ns: int, now_ns: int) -> None:
        """Leave an unmonitored gap until now out of account, but for its ``counted_ns``."""
        self.arrivals.discount(counted_ns, gap_ns, now_ns)
        self.stamps.forget_steps()

    def restart(self) -> None:
        """Take rate and losses anew: those so far say more about our load."""
        self.arrivals.restart()
        self.stamps.forget_steps()

    def ended(self) -> None:
        """Note a silence that has been reported: what comes next is another stream."""
        self.good_format = None
        self.nominal.begin_stream()
        self.arrivals.restart_rate()
        self.stamps.forget_steps()
