# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Streams of frames of given rates and latencies, and what a synchroniser makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, FrameSet
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import with_values
from mm_robust_seg.stages.synchronizer import Synchronizer

MS = 1_000_000
IMAGES = {
    Modality.RGB: np.zeros((1, 1, 3), np.uint8),
    Modality.THERMAL: np.full((1, 1), 300, np.float32),
    Modality.DEPTH: np.ones((1, 1), np.float32),
}


def frame(modality: Modality, stamp_ms: float, latency_ms: float = 5.0) -> Frame:
    stamp_ns = round(stamp_ms * MS)
    return Frame(modality, stamp_ns, stamp_ns + round(latency_ms * MS), IMAGES[modality])


@dataclass(frozen=True)
class Stream:
    """How one camera's frames come.

    ``jitter_ms`` is added to the latency, drawn evenly; ``lost`` is a share; frames stamped within
    ``silent_ms`` do not come.
    """

    rate_hz: float = 30.0
    phase_ms: float = 0.0
    latency_ms: float = 5.0
    jitter_ms: float = 0.0
    lost: float = 0.0
    silent_ms: tuple[float, float] = (0.0, 0.0)

    def frames(self, modality: Modality, duration_ms: float) -> list[Frame]:
        rng = np.random.default_rng([round(self.rate_hz), len(modality.value)])
        count = int((duration_ms - self.phase_ms) * self.rate_hz / 1000)
        stamps_ms = self.phase_ms + np.arange(count) * 1000 / self.rate_hz
        return [
            frame(modality, stamp_ms, self.latency_ms + self.jitter_ms * rng.random())
            for stamp_ms in stamps_ms
            if rng.random() >= self.lost and not self.silent_ms[0] <= stamp_ms < self.silent_ms[1]
        ]


@dataclass(frozen=True)
class Given:
    """A set and when it was given."""

    now_ns: int
    frames: FrameSet

    @property
    def delay_ms(self) -> float:
        """How long the frame that called for the set had to wait."""
        return (self.now_ns - self.frames.frames[self.frames.pace].arrival_ns) / MS


def settings(**values: object) -> Config:
    return with_values(Config(), {k.replace('__', '.'): v for k, v in values.items()})


class Driver:
    """A synchroniser that is driven as the node drives it: at every arrival and deadline."""

    def __init__(self, config: Config | None = None, active: ModalitySet = COMPLETE) -> None:
        self.config = config or Config()
        self.synchronizer = Synchronizer(self.config)
        self.active = active
        self._given: list[Given] = []

    def take(self, now_ns: int) -> None:
        while (found := self.synchronizer.take(now_ns, self.active)) is not None:
            self._given.append(Given(now_ns, found))
        deadline_ns = self.synchronizer.next_deadline_ns
        assert deadline_ns is None or deadline_ns > now_ns, 'the caller would spin'

    def until(self, time_ns: int) -> None:
        while (at_ns := self.synchronizer.next_deadline_ns) is not None and at_ns < time_ns:
            self.take(at_ns)

    def play(self, frames: Iterable[Frame], to_the_end: bool = True) -> list[Given]:
        """Offer frames as they arrive; return the sets given meanwhile and, at the end, after."""
        self._given = []
        for item in sorted(frames, key=lambda f: f.arrival_ns):
            self.until(item.arrival_ns)
            self.synchronizer.offer(item)
            self.take(item.arrival_ns)
        if to_the_end:
            self.until(1 << 62)
        return self._given


def play(
    streams: dict[Modality, Stream],
    duration_ms: float = 5000.0,
    skip_ms: float = 1000.0,
    config: Config | None = None,
    active: ModalitySet = COMPLETE,
) -> list[Given]:
    """Return the sets of streams once their timing is learned, up to where the first one ends."""
    frames = [f for m, stream in streams.items() for f in stream.frames(m, duration_ms)]
    given = Driver(config, active).play(frames)
    end_ns = min(max(f.stamp_ns for f in frames if f.modality is m) for m in streams)
    return [g for g in given if skip_ms * MS <= g.frames.stamp_ns <= end_ns]
