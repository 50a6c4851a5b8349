# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The approximate synchroniser that most robots use, as a baseline to compare with.

Written from the documented behaviour of ``message_filters.ApproximateTimeSynchronizer``
(https://docs.ros.org/en/jazzy/p/message_filters/): one queue per topic, a queue size, and a slop
in which the stamps of a set must lie. A set has one message of EVERY topic, is looked for whenever
a message arrives, and is given at once; its messages are used up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product


class ApproximateSynchronizer:
    """Match the stamps of several topics.

    Args:
        topics: names; a set needs one message of each.
        queue_size: messages kept per topic; the oldest stamps are dropped first.
        slop_ns: the stamps of a set differ by less than this.
    """

    def __init__(self, topics: Sequence[str], queue_size: int, slop_ns: int) -> None:
        if queue_size < 1 or slop_ns <= 0 or not topics:
            raise ValueError(
                f'{len(topics)} topics, queue_size {queue_size}, slop_ns {slop_ns}: expected at '
                'least one topic, a queue of at least 1 and a slop above 0'
            )
        self._queues: dict[str, set[int]] = {topic: set() for topic in topics}
        self._queue_size, self._slop_ns = queue_size, slop_ns

    def add(self, topic: str, stamp_ns: int) -> Mapping[str, int] | None:
        """Take in a message; return the stamps of the set that it completes, if it does.

        Of several possible sets, the one whose stamps are nearest to the new message's wins.
        """
        queue = self._queues[topic]
        queue.add(stamp_ns)
        while len(queue) > self._queue_size:
            queue.discard(min(queue))
        if stamp_ns not in queue:
            return None
        choices = [
            [stamp_ns] if name == topic else self._near(name, stamp_ns) for name in self._queues
        ]
        sets = sorted(product(*choices), key=lambda s: sum(abs(t - stamp_ns) for t in s))
        for stamps in sets:
            if max(stamps) - min(stamps) < self._slop_ns:
                found = dict(zip(self._queues, stamps, strict=True))
                for name, used_ns in found.items():
                    self._queues[name].discard(used_ns)
                return found
        return None

    def _near(self, topic: str, stamp_ns: int) -> list[int]:
        """Return the stamps of a topic within the slop, the nearest first."""
        near = [s for s in self._queues[topic] if abs(s - stamp_ns) < self._slop_ns]
        return sorted(near, key=lambda s: abs(s - stamp_ns))
