"""Match frames of sensors that differ in rate, latency and reliability.

The sensors in use are ranked by ``sync.reference`` and ``sync.fallback_order``. Every frame of
the first one leads a set; each other sensor adds its frame of the nearest stamp, unless that
frame is nearer to another leader. A set is due when no better frame can come in time, at the
latest ``wait_s`` after its first member arrived; later arrivals never move that deadline back.
What can come in time is foretold from the sensors' rates, so a slow sensor holds nobody up, and
a silent one holds a set up to its deadline and no longer.

Frames of a lower rank lead a set only where the sensors above them missed their turn. Until then
they are kept as members for the next leader, however much slower its driver is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mm_robust_seg.config import SyncConfig
from mm_robust_seg.dataflow import Frame, FrameSet
from mm_robust_seg.modality import Modality, ModalitySet

_LONG_AGO_NS = -(1 << 63)


@dataclass(frozen=True)
class _Candidate:
    """A set that may be given: its members, and whether it still waits for better ones."""

    leader: Frame
    frames: Mapping[Modality, Frame]
    opened_ns: int
    deadline_ns: int
    is_waiting: bool

    def is_due(self, now_ns: int) -> bool:
        """Tell whether the set is as good as it gets."""
        return not self.is_waiting or now_ns >= self.deadline_ns

    def closed(self) -> FrameSet:
        """Return the set, closed by its last member or by its deadline."""
        arrived_ns = max(frame.arrival_ns for frame in self.frames.values())
        closed_ns = self.deadline_ns if self.is_waiting else min(arrived_ns, self.deadline_ns)
        return FrameSet(self.frames, self.opened_ns, closed_ns)


class Synchronizer:
    """Form frame sets; every frame is used at most once.

    Args:
        config: skew, wait, buffer length and rank of the sensors. Keep ``wait_s`` below the
            shortest period: sets that are due together compete, and the newest wins.
        rates_hz: nominal rate of every sensor that will be offered.
    """

    def __init__(self, config: SyncConfig, rates_hz: Mapping[Modality, float]) -> None:
        self._period_ns = {m: round(1e9 / hz) for m, hz in rates_hz.items()}
        self._counters = Counter(
            dict.fromkeys(('late', 'unmatched', 'evicted', 'skipped', 'overload'), 0)
        )
        self._config: SyncConfig | None = None
        self._in_use_since_ns: int | None = None
        self.reconfigure(config)

    def reconfigure(self, config: SyncConfig) -> None:
        """Follow other parameters from now on; if they differ, all frames are forgotten."""
        if config == self._config:
            return
        self._config = config
        self._rank = tuple(m for m in config.reference_order if m in self._period_ns)
        self._skew_ns = round(config.max_skew_s * 1e9)
        self._wait_ns = round(config.wait_s * 1e9)
        self._jitter_ns = self._wait_ns // 4
        self._buffer_len = config.buffer_len
        self._expected = ModalitySet(self._rank)
        self.forget_frames()

    def reset(self) -> None:
        """Begin anew, as after a jump of the clock; the counters go on."""
        self.rested()
        self.forget_frames()

    def forget_frames(self) -> None:
        """Forget all frames, and which sets were given."""
        self._unused: dict[Modality, dict[int, Frame]] = {m: {} for m in self._rank}
        self._newest_ns = dict.fromkeys(self._rank, _LONG_AGO_NS)
        self._due_ns = dict.fromkeys(self._rank, _LONG_AGO_NS)
        self._used_ns = dict.fromkeys(self._rank, _LONG_AGO_NS)
        self._led_ns = dict.fromkeys(self._rank, _LONG_AGO_NS)
        self._given_ns: int | None = None

    @property
    def counters(self) -> Mapping[str, int]:
        """What was not used, since the beginning.

        ``late``: frames that came after their set was given, or repeat a stamp.
        ``unmatched``: frames in time that no set had a place for. ``evicted``: frames pushed out
        of a full buffer. ``skipped``: whole sets passed over for a newer one. ``overload``: those
        of them that came while one set was in use for longer than a period.
        """
        return MappingProxyType(self._counters)

    @property
    def next_deadline_ns(self) -> int | None:
        """When ``take`` gives a set even if nothing more arrives; None if it will not."""
        return min((candidate.deadline_ns for candidate in self._candidates()), default=None)

    def offer(self, frame: Frame, now_ns: int) -> None:
        """Buffer one frame that arrived at ``now_ns``."""
        modality, unused = frame.modality, self._unused[frame.modality]
        if frame.stamp_ns <= self._used_ns[modality] or frame.stamp_ns in unused:
            self._counters['late'] += 1
            return
        if len(unused) == self._buffer_len:
            del unused[min(unused)]
            self._counters['evicted'] += 1
        unused[frame.stamp_ns] = frame
        self._newest_ns[modality] = max(self._newest_ns[modality], frame.stamp_ns)
        self._due_ns[modality] = now_ns + self._period_ns[modality]

    def mark_in_use(self, now_ns: int) -> None:
        """Note that a mask is made of the set just given; no other is taken meanwhile."""
        self._in_use_since_ns = now_ns

    def rested(self) -> None:
        """Note that no set was wanted for a while: those skipped meanwhile are no overload."""
        self._in_use_since_ns = None

    def take(self, now_ns: int, expected: ModalitySet) -> FrameSet | None:
        """Give the newest set that is due; older due ones are skipped and counted.

        Args:
            now_ns: the present.
            expected: the sensors in use. They lead sets and are waited for, frames of others
                only come along. With none in use, all count as expected.
        """
        known = ModalitySet(self._rank)
        self._expected = expected & known or known
        was_overloaded = self._is_overloaded(now_ns)
        self._in_use_since_ns = None
        self._dismiss(now_ns)
        due = [candidate for candidate in self._candidates() if candidate.is_due(now_ns)]
        if not due:
            return None
        newest = max(due, key=lambda candidate: candidate.leader.stamp_ns)
        self._counters['skipped'] += len(due) - 1
        self._counters['overload'] += was_overloaded * (len(due) - 1)
        for candidate in due:
            for modality, frame in candidate.frames.items():
                del self._unused[modality][frame.stamp_ns]
                self._used_ns[modality] = max(self._used_ns[modality], frame.stamp_ns)
        self._led_ns[newest.leader.modality] = newest.leader.stamp_ns
        self._expire(newest.leader.stamp_ns - self._skew_ns)
        self._given_ns = now_ns
        return newest.closed()

    def _is_overloaded(self, now_ns: int) -> bool:
        """Tell whether the last set has been in use for longer than the shortest period."""
        since_ns = self._in_use_since_ns
        return since_ns is not None and now_ns - since_ns > min(self._period_ns.values())

    def _dismiss(self, now_ns: int) -> None:
        """Drop what waited in vain to come along; it must not lead a set when its day is over."""
        for modality, unused in self._unused.items():
            if modality not in self._expected:
                oldest_ns = now_ns - self._wait_ns
                self._drop([f for f in unused.values() if f.arrival_ns < oldest_ns])

    def _expire(self, oldest_ns: int) -> None:
        """Drop the frames that no later set can use."""
        for modality, unused in self._unused.items():
            bound_ns = max(oldest_ns, self._used_ns[modality])
            self._drop([f for f in unused.values() if f.stamp_ns < bound_ns])

    def _drop(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            del self._unused[frame.modality][frame.stamp_ns]
            came_late = self._given_ns is not None and frame.arrival_ns > self._given_ns
            self._counters['late' if came_late else 'unmatched'] += 1

    def _candidates(self) -> Iterator[_Candidate]:
        """Partition the unused frames into sets; yield those that will be given."""
        free = {modality: dict(frames) for modality, frames in self._unused.items()}
        above: list[Modality] = []
        led_ns = _LONG_AGO_NS
        for modality in self._rank:
            led_ns = max(led_ns, self._led_ns[modality])
            if modality not in self._expected:
                continue
            for stamp_ns in sorted(stamp_ns for stamp_ns in free[modality] if stamp_ns > led_ns):
                candidate = self._lead(free[modality][stamp_ns], free)
                for member, frame in candidate.frames.items():
                    del free[member][frame.stamp_ns]
                if not any(self._is_on_time(m, candidate) for m in above):
                    yield candidate
            above.append(modality)

    def _is_on_time(self, modality: Modality, candidate: _Candidate) -> bool:
        """Tell whether a sensor without a frame so far is not missing: its turn comes later."""
        return self._due_ns[modality] + self._jitter_ns > candidate.deadline_ns

    def _lead(self, leader: Frame, free: Mapping[Modality, Mapping[int, Frame]]) -> _Candidate:
        """Gather the free frames that belong to ``leader``, and tell how long to wait for more.

        Members kept since longer than ``wait_s`` before the leader came do not open the set:
        nobody waited for it then.
        """
        frames = self._members(leader, free)
        pending = [m for m in self._expected if self._may_come_nearer(m, leader)]
        opened_ns = min(
            frame.arrival_ns
            for modality, frame in frames.items()
            if modality in self._expected
            and modality not in pending
            and frame.arrival_ns >= leader.arrival_ns - self._wait_ns
        )
        deadline_ns = opened_ns + self._wait_ns
        is_waiting = any(self._due_ns[m] - self._jitter_ns <= deadline_ns for m in pending)
        return _Candidate(leader, frames, opened_ns, deadline_ns, is_waiting)

    def _members(
        self, leader: Frame, free: Mapping[Modality, Mapping[int, Frame]]
    ) -> dict[Modality, Frame]:
        """Return the leader with its nearest partners, all within the skew of each other."""
        frames = {leader.modality: leader}
        for modality in sorted(self._rank, key=lambda m: m not in self._expected):
            stamp_ns = _nearest(free[modality], leader.stamp_ns)
            if modality in frames or stamp_ns is None:
                continue
            is_mutual = _nearest(free[leader.modality], stamp_ns) == leader.stamp_ns
            skew_ns = max(abs(stamp_ns - frame.stamp_ns) for frame in frames.values())
            if is_mutual and skew_ns <= self._skew_ns:
                frames[modality] = free[modality][stamp_ns]
        return frames

    def _may_come_nearer(self, modality: Modality, leader: Frame) -> bool:
        """Tell whether the sensor's next frame may be nearer to ``leader`` than the last."""
        half_period_ns = self._period_ns[modality] // 2
        return self._newest_ns[modality] < leader.stamp_ns - half_period_ns


def _nearest(stamps_ns: Iterable[int], to_ns: int) -> int | None:
    return min(stamps_ns, key=lambda stamp_ns: abs(stamp_ns - to_ns), default=None)
