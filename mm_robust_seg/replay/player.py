# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Step the pipeline through a bag, as a robot would have seen it.

Between two messages the pipeline is stepped at its deadlines and at every tick of the watchdog.
Time stands still during an inference, so that no frame is lost to a slow computer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mm_robust_seg.dataflow import Segmentation
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.recordings.bag import BagImage, BagTruth
from mm_robust_seg.recordings.faults import (
    BagItem,
    PhaseBegun,
    TransportEvent,
    WithheldImage,
)
from mm_robust_seg.replay.log import ReplayLog
from mm_robust_seg.replay.silence import Silence

TICK_NS = 10_000_000
_LONGEST_PAUSE_NS = 60_000_000_000


class Player:
    """Plays recorded images into a pipeline and notes what happens in ``log``.

    Args:
        pipeline: made at ``start_ns``.
        log: where frames, truth and health go.
        silences: what is left out.
        start_ns: when the first image arrives.
        origin_ns: from when silences count; from the start if not given.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        log: ReplayLog,
        silences: Sequence[Silence],
        start_ns: int,
        origin_ns: int | None = None,
    ) -> None:
        self._pipeline, self._log, self._silences = pipeline, log, silences
        self._origin_ns = start_ns if origin_ns is None else origin_ns
        self.now_ns = start_ns

    def play(self, items: Iterable[BagItem]) -> Iterator[Segmentation]:
        """Yield the masks; ``now_ns`` is the time of the newest."""
        for item in items:
            if isinstance(item, PhaseBegun) and item.phase.rig_fault:
                self.now_ns = item.time_ns  # the clock jumps there
            yield from self._pass(item.time_ns)
            if not isinstance(item, BagImage):
                self._note(item)
            elif self._is_silenced(item):
                self._log.withhold(item.image.modality)
            else:
                self._log.frame(self._pipeline.offer(item.image, item.time_ns))
                yield from self._step(item.time_ns)
        yield from self._finish()

    def _note(self, item: BagTruth | PhaseBegun | TransportEvent | WithheldImage) -> None:
        """Take in what is no image."""
        if isinstance(item, BagTruth):
            self._log.truth(item)
        elif isinstance(item, PhaseBegun):
            self._log.phase(item)
        elif isinstance(item, WithheldImage):
            self._log.withhold(item.modality)
        else:
            self._pipeline.note(item.note, item.time_ns)

    def _finish(self) -> Iterator[Segmentation]:
        """Step past the last deadline."""
        last_ns = self.now_ns
        while (due_ns := self._pipeline.next_deadline_ns) is not None:
            if due_ns <= last_ns:
                break
            yield from self._pass(due_ns)
            last_ns = due_ns

    def _pass(self, until_ns: int) -> Iterator[Segmentation]:
        """Let time pass; a pause of over a minute is a jump, which the pipeline recognises."""
        if until_ns - self.now_ns > _LONGEST_PAUSE_NS:
            self.now_ns = until_ns
        while True:
            tick_ns = self.now_ns + TICK_NS
            deadline_ns = self._pipeline.next_deadline_ns
            is_ahead = deadline_ns is not None and self.now_ns < deadline_ns
            due_ns = min(tick_ns, deadline_ns) if deadline_ns and is_ahead else tick_ns
            if due_ns > until_ns:
                return
            yield from self._step(due_ns)

    def _step(self, now_ns: int) -> Iterator[Segmentation]:
        self.now_ns = now_ns
        segmentation = self._pipeline.step(now_ns)
        self._log.report(self._pipeline.assess(now_ns), self._pipeline.active)
        if segmentation is not None:
            self._log.mask(segmentation, now_ns)
            yield segmentation

    def _is_silenced(self, item: BagImage) -> bool:
        time_s = (item.time_ns - self._origin_ns) * 1e-9
        return any(silence.covers(item.image.modality, time_s) for silence in self._silences)
