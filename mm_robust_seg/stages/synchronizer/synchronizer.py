# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Gather the frames that one mask is made of, from sensors that differ in rate and latency.

Three questions are answered apart:

- **Pace**: every frame of one sensor calls for a mask: of ``sync.reference`` while it is in use,
  otherwise of the fastest sensor in use. If the pacing sensor misses its turn, the next one steps
  in for it, so a camera that dies costs no mask while it is not yet known to be dead.
- **Membership**: every sensor in use takes part with the frame nearest to the moment. It waits for
  the frame of that moment if that will come in time; otherwise its newest frame is used again, for
  as long as ``inputs.<m>.hold_s`` allows, unless ``sync.held_frames`` is ``off``.
- **Geometry**, whose camera the mask belongs to, is decided by whoever makes the mask.

What will come in time is foretold from the learned timing of the streams, so a slow sensor delays
nobody, and a silent one at most for the bounded wait, until the monitor has noticed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, FrameSet
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.stages.synchronizer.buffers import FrameBuffers, LONG_AGO_NS
from mm_robust_seg.stages.synchronizer.timing import StreamTiming, TimingLearner

_UNKNOWN_NS = 100_000_000
"""The period of a stream that has just begun."""
_HELD_PERIODS = 1.5
_WAITED_PERIODS = 0.75
"""Longest wait in periods of the pace: the next frame may come early, and finds none waiting."""
_LEAST_MARGIN_NS, _MOST_MARGIN_NS = 2_000_000, 5_000_000
"""Bounds of how much later than usual a frame may come and still be waited for."""
_LEAST_EXACT_NS = 4_000_000
"""Frames of one trigger are stamped this far apart at least, by drivers that disagree. Nobody
waits for one that is taken later by more."""
_SAME_PACE = 1.25
"""Sensors whose rates differ by less are equally fast."""
_STICKY_PACE = 1.5
"""A pacing sensor stays one while no other is faster by more."""


@dataclass(frozen=True)
class _Moment:
    """A frame that calls for a mask, and when the mask is due."""

    frame: Frame
    due_ns: int


class Synchronizer:
    """Form frame sets, one for each frame of the pacing sensor.

    Args:
        config: which sensors there are, their rates and how long their frames may be held; who
            paces, how long to wait, how far stamps may lie apart.
    """

    def __init__(self, config: Config) -> None:
        inputs, enabled = config.inputs, config.inputs.enabled
        self._hold_ns = {m: round(inputs[m].hold_s * 1e9) for m in enabled}
        self._learners = {m: TimingLearner(inputs[m].expected_rate_hz) for m in enabled}
        self._timing: dict[Modality, StreamTiming | None] = dict.fromkeys(enabled)
        self._frames = FrameBuffers(enabled)
        self._skipped = self._overload = 0
        self._in_use_since_ns: int | None = None
        self._is_starting = True
        self.reconfigure(config)
        self.forget_frames()

    def reconfigure(self, config: Config) -> None:
        """Follow other live parameters from now on."""
        sync = config.sync
        self._reference = Modality(sync.reference)
        self._rank = tuple(m for m in sync.reference_order if m in self._timing)
        self._wait_ns = round(sync.wait_s * 1e9)
        self._most_wait_ns = round(sync.max_wait_s * 1e9)
        self._skew_ns = round(sync.max_skew_s * 1e9)
        self._buffer_len, self._holds = sync.buffer_len, sync.held_frames != 'off'
        self._active = ModalitySet(self._rank)

    def reset(self, now_ns: int) -> None:
        """Begin anew, as after a jump of the clock; timing and counters go on."""
        self.rested()
        self.forget_frames()

    def forget_frames(self) -> None:
        """Forget all frames, and which sets were given."""
        self._frames.clear()
        self._pace: Modality | None = None
        self._given_ns = LONG_AGO_NS

    @property
    def counters(self) -> Mapping[str, int]:
        """What was not used, since the beginning.

        ``late``: frames that came after their set was given and were not held, or repeat a stamp.
        ``unmatched``: frames that no set had a place for. ``evicted``: frames pushed out of a full
        buffer. ``skipped``: whole sets passed over for a newer one. ``overload``: those of them
        that came while one set was in use for longer than a period.
        """
        return {**self._frames.counters, 'skipped': self._skipped, 'overload': self._overload}

    @property
    def next_deadline_ns(self) -> int | None:
        """When ``take`` gives a set even if nothing more arrives; None if it will not."""
        return min((moment.due_ns for moment in self._moments()), default=None)

    def offer(self, frame: Frame) -> None:
        """Learn from one frame, and buffer it; it may come late, out of order or twice."""
        learner = self._learners[frame.modality]
        learner.observe(frame)
        self._timing[frame.modality] = learner.timing
        self._frames.add(frame, self._buffer_len)

    def mark_in_use(self, now_ns: int) -> None:
        """Note that a mask is made of the set just given; no other is taken meanwhile."""
        self._in_use_since_ns = now_ns

    def rested(self) -> None:
        """Note that no set was wanted for a while: those skipped meanwhile are no overload."""
        self._in_use_since_ns = None

    def take(self, now_ns: int, active: ModalitySet) -> FrameSet | None:
        """Give the set of the newest moment that is due; older due ones are skipped and counted.

        Args:
            now_ns: the present.
            active: the sensors in use: they pace, and are waited for. With none in use, all are.
        """
        known = ModalitySet(self._rank)
        self._is_starting = not active & known
        self._active = active & known or known
        was_overloaded = self._is_overloaded(now_ns)
        self.rested()
        due = [moment for moment in self._moments() if moment.due_ns <= now_ns]
        if not due:
            return None
        newest = max(due, key=lambda moment: moment.frame.stamp_ns)
        self._skipped += len(due) - 1
        self._overload += was_overloaded * (len(due) - 1)
        members = self._members(newest.frame)
        self._pace, self._given_ns = newest.frame.modality, newest.frame.stamp_ns
        self._frames.use(members, self._given_ns, now_ns)
        return self._closed(newest, members)

    def _is_overloaded(self, now_ns: int) -> bool:
        """Tell whether the last set has been in use for longer than the shortest period."""
        since_ns = self._in_use_since_ns
        return since_ns is not None and now_ns - since_ns > min(map(self._period_ns, self._rank))

    def _moments(self) -> Iterator[_Moment]:
        """Yield what calls for a mask: frames of the pacing sensor, or of one that steps in."""
        overdue_ns, covered_ns = LONG_AGO_NS, self._given_ns
        for modality in self._pacers():
            half_ns = self._period_ns(modality) // 2
            is_pace = modality is self._pace
            for stamp_ns, frame in sorted(self._frames[modality].items()):
                apart_ns = 0 if is_pace and covered_ns == self._given_ns else half_ns
                if stamp_ns > covered_ns + apart_ns:
                    yield _Moment(frame, max(self._due_ns(frame), overdue_ns))
            covered_ns = max([covered_ns, *self._frames[modality]])
            overdue_ns = max(overdue_ns, self._overdue_ns(modality))

    def _pacers(self) -> list[Modality]:
        """Return the sensors in use: the one that paces, then those that step in for it."""
        period_ns = {m: self._period_ns(m) for m in self._rank if m in self._active}
        shortest_ns = min(period_ns.values())

        def slowness(modality: Modality) -> tuple[bool, bool, int]:
            limit = _STICKY_PACE if modality is self._pace else _SAME_PACE
            is_slow = period_ns[modality] > limit * shortest_ns
            return modality is not self._reference, is_slow, period_ns[modality] if is_slow else 0

        return sorted(period_ns, key=slowness)

    def _overdue_ns(self, modality: Modality) -> int:
        """Return when a pacing sensor has missed its turn."""
        jitter_ns = timing.jitter_ns if (timing := self._timing[modality]) else 0
        period_ns = self._period_ns(modality)
        slack_ns = self._wait_ns or min(max(period_ns // 2, 2 * jitter_ns), period_ns)
        return self._frames.arrived_ns(modality) + period_ns + slack_ns

    def _due_ns(self, frame: Frame) -> int:
        """Return when the set of ``frame`` is as good as it gets.

        That is once every partner of the moment is there, or has not come when it should have; or
        at the bound of the wait.
        """
        bound_ns = self._bound_ns(frame)
        expected_ns = (self._expected_ns(m, frame) for m in self._active)
        awaited_ns = [at_ns for at_ns in expected_ns if at_ns is not None and at_ns <= bound_ns]
        if awaited_ns and self._wait_ns:
            return bound_ns
        return max([frame.arrival_ns, *awaited_ns])

    def _bound_ns(self, frame: Frame) -> int:
        """Return until when partners may be waited for."""
        if self._wait_ns:
            partners = self._members(frame).values()
            opened_ns = min(f.arrival_ns for f in partners if self._is_exact(f, frame))
            return max(frame.arrival_ns, opened_ns + self._wait_ns)
        longest_ns = round(_WAITED_PERIODS * self._period_ns(frame.modality))
        return frame.arrival_ns + min(self._most_wait_ns, longest_ns)

    def _expected_ns(self, modality: Modality, frame: Frame) -> int | None:
        """Foretell when a partner's frame of this moment will have come; None if none will."""
        timing, stamps_ns = self._timing[modality], self._frames[modality]
        if modality is not frame.modality and not stamps_ns and self._is_starting:
            return self._bound_ns(frame)
        if modality is frame.modality or timing is None or not stamps_ns:
            return None
        exact_ns, newest_ns = self._exact_ns(modality, frame), max(stamps_ns)
        ahead_ns = exact_ns if self._wait_ns else min(exact_ns, _LEAST_EXACT_NS)
        steps = (frame.stamp_ns + ahead_ns - newest_ns) // timing.period_ns
        if steps < 1 or newest_ns >= frame.stamp_ns - exact_ns:
            return None
        margin_ns = min(max(timing.jitter_ns, _LEAST_MARGIN_NS), _MOST_MARGIN_NS)
        return newest_ns + steps * timing.period_ns + timing.latency_ns + margin_ns

    def _members(self, pace: Frame) -> dict[Modality, Frame]:
        """Return the pacing frame with the nearest of every other sensor that is near enough."""
        members = {pace.modality: pace}
        for modality in self._rank:
            frames = self._frames[modality]
            if modality is pace.modality or not frames:
                continue
            ahead_ns = self._skew_ns or max(
                self._exact_ns(modality, pace), self._period_ns(pace.modality) // 2
            )
            earliest_ns = pace.stamp_ns - self._held_ns(modality, pace.modality)
            near = [s for s in frames if earliest_ns <= s <= pace.stamp_ns + ahead_ns]
            if near:
                members[modality] = frames[min(near, key=lambda s: abs(s - pace.stamp_ns))]
        return members

    def _held_ns(self, modality: Modality, pace: Modality) -> int:
        """Return how long before the moment a frame may have been taken that still takes part."""
        if not self._holds:
            return min(self._period_ns(modality), self._period_ns(pace)) // 2
        timing = self._timing[modality]
        late_ns = timing.latency_ns + timing.jitter_ns if timing else 0
        learned_ns = round(_HELD_PERIODS * self._period_ns(modality)) + max(late_ns, 0)
        hold_ns = self._hold_ns[modality] or learned_ns
        return min(hold_ns, self._skew_ns or hold_ns)

    def _exact_ns(self, modality: Modality, pace: Frame) -> int:
        """Return how far apart the stamps of one moment may lie.

        That is an eighth of a period, so that nobody waits out the phase of a camera that runs
        freely; half a period, where the wait is given, so that the nearest frame is waited for.
        """
        period_ns = min(self._period_ns(modality), self._period_ns(pace.modality))
        exact_ns = period_ns // 2 if self._wait_ns else max(_LEAST_EXACT_NS, period_ns // 8)
        return min(exact_ns, self._skew_ns or exact_ns)

    def _is_exact(self, frame: Frame, pace: Frame) -> bool:
        return abs(frame.stamp_ns - pace.stamp_ns) <= self._exact_ns(frame.modality, pace)

    def _period_ns(self, modality: Modality) -> int:
        timing = self._timing[modality]
        return timing.period_ns if timing else _UNKNOWN_NS

    def _closed(self, moment: _Moment, frames: Mapping[Modality, Frame]) -> FrameSet:
        exact = [f.arrival_ns for f in frames.values() if self._is_exact(f, moment.frame)]
        closed_ns = max([moment.due_ns, *exact])
        return FrameSet(frames, moment.frame.modality, min(exact), closed_ns)
