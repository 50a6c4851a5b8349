"""What has been seen of one sensor, as far as the checks need it."""

from __future__ import annotations

from collections import deque

from mm_robust_seg.dataflow import Frame


class Track:
    """The recent history of one sensor.

    Attributes:
        started_ns: when the monitor began to listen.
        arrival_ns: when the last message came, readable or not; None before the first.
        stamp_ns, previous_stamp_ns: of the last two frames.
        good_shape: of the first good image since the stream began.
        equal_frames, equal_since_ns: the run of equal images that the last frame belongs to.
        went_back_ns: when a stamp last lay far before the previous one.
    """

    def __init__(self, started_ns: int) -> None:
        self.started_ns = started_ns
        self.arrival_ns: int | None = None
        self.stamp_ns: int | None = None
        self.previous_stamp_ns: int | None = None
        self.good_shape: tuple[int, ...] | None = None
        self.equal_frames = 0
        self.equal_since_ns = started_ns
        self.went_back_ns: int | None = None
        self._digest: int | None = None
        self._arrivals_ns: deque[int] = deque()
        self._excused_ns = 0

    def arrived(self, arrival_ns: int, window_ns: int) -> None:
        """Note a message; the rate is taken over the last ``window_ns``."""
        self.arrival_ns = arrival_ns
        self._excused_ns = 0
        self._arrivals_ns.append(arrival_ns)
        while len(self._arrivals_ns) > 1 and self._arrivals_ns[1] <= arrival_ns - window_ns:
            self._arrivals_ns.popleft()

    def saw(self, frame: Frame, digest: int, loop_ns: int) -> None:
        """Note a decoded frame; a stamp ``loop_ns`` before the last one is a step back."""
        self.previous_stamp_ns, self.stamp_ns = self.stamp_ns, frame.stamp_ns
        if (
            self.previous_stamp_ns is not None
            and frame.stamp_ns < self.previous_stamp_ns - loop_ns
        ):
            self.went_back_ns = frame.arrival_ns
        if digest != self._digest:
            self._digest, self.equal_frames, self.equal_since_ns = digest, 0, frame.arrival_ns
        self.equal_frames += 1

    def excuse(self, unheard_ns: int) -> None:
        """Forgive a time in which nobody listened: it is neither silence nor a low rate."""
        self._excused_ns += unheard_ns
        self.restart_rate()

    def restart_rate(self) -> None:
        """Take the rate anew."""
        self._arrivals_ns.clear()

    def ended(self) -> None:
        """Note a silence that has been reported: what comes next is another stream."""
        self.good_shape = None
        self.restart_rate()

    def silence_s(self, now_ns: int) -> float:
        """Return how long the sensor has said nothing while somebody listened."""
        since_ns = self.started_ns if self.arrival_ns is None else self.arrival_ns
        return (now_ns - since_ns - self._excused_ns) * 1e-9

    def rate_hz(self, window_ns: int) -> float | None:
        """Return the rate over the last ``window_ns``; None while less has been heard."""
        if not self._arrivals_ns:
            return None
        span_ns = self._arrivals_ns[-1] - self._arrivals_ns[0]
        return (len(self._arrivals_ns) - 1) * 1e9 / span_ns if span_ns >= window_ns else None
