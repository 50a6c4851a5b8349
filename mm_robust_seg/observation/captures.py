# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which mask answers which capture, in which phase.

A mask answers the capture whose stamp is nearest to its own, unless it is farther away than half
the usual spacing of captures or, in a live run, arrives over a second before or after it. So no
mask counts twice, a sensor whose stamps are a little off can be the reference, and stamps may come
again when a clock jumps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
import sys
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.record import MaskRecord, RunRecord, Stamped, TOGETHER_NS


class _Message(Protocol):
    @property
    def stamp_ns(self) -> int: ...
    @property
    def arrival_ns(self) -> int: ...


T = TypeVar('T', bound=_Message)


@dataclass(frozen=True)
class ReferenceFrame:
    """A capture with the mask that answers it, if one does.

    Attributes:
        phase: the index of the phase that it belongs to; None outside all.
    """

    capture: Stamped
    mask: MaskRecord | None
    phase: int | None


def reference_frames(record: RunRecord) -> list[ReferenceFrame]:
    """Return all captures of a run."""
    together_ns = TOGETHER_NS if record.has_one_clock else sys.maxsize
    masks = answers(record.captures, record.masks, together_ns)
    phases = _phases(record)
    return [ReferenceFrame(*each) for each in zip(record.captures, masks, phases, strict=True)]


def answers(
    captures: Sequence[Stamped], messages: Iterable[T], together_ns: int = TOGETHER_NS
) -> list[T | None]:
    """Return for each capture the message that answers it, if one does.

    Args:
        together_ns: how far apart both may arrive.
    """
    reach_ns = int(_spacing_ns(np.array([c.stamp_ns for c in captures], np.int64)) / 2)
    places = sorted(range(len(captures)), key=lambda place: captures[place].stamp_ns)
    stamps_ns = [captures[place].stamp_ns for place in places]
    found: list[T | None] = [None] * len(captures)
    for message in messages:

        def distance_ns(place: int, stamp_ns: int = message.stamp_ns) -> int:
            return abs(captures[place].stamp_ns - stamp_ns)

        first = bisect_left(stamps_ns, message.stamp_ns - reach_ns)
        last = bisect_right(stamps_ns, message.stamp_ns + reach_ns)
        near = [
            place
            for place in places[first:last]
            if abs(captures[place].arrival_ns - message.arrival_ns) < together_ns
        ]
        if near:
            place = min(near, key=distance_ns)
            other = found[place]
            if other is None or distance_ns(place) < distance_ns(place, other.stamp_ns):
                found[place] = message
    return found


def recorded_captures(
    frames: Mapping[Modality, Sequence[Stamped]], order: Sequence[Modality]
) -> list[Stamped]:
    """Return the moments of a recording at which a mask was due.

    These are the frames of the first sensor in ``order`` and, while that one says nothing, of the
    next one.
    """
    moments: dict[int, int] = {}
    for modality in order:
        known_ns = np.array(sorted(moments), np.int64)
        arrivals_ns = dict(reversed(frames.get(modality, ())))
        stamps_ns = np.array(sorted(arrivals_ns), np.int64)
        alone_ns = 0.75 * max(_spacing_ns(known_ns), _spacing_ns(stamps_ns))
        for stamp_ns in stamps_ns[_distances_ns(stamps_ns, known_ns) > alone_ns].tolist():
            moments[stamp_ns] = arrivals_ns[stamp_ns]
    return [Stamped(*moment) for moment in sorted(moments.items())]


def _phases(record: RunRecord) -> Iterator[int | None]:
    """Yield the phase of each capture: of those in which its stamp comes, the one of its time."""
    starts_ns, ends_ns, arrivals_ns = np.array(
        [(p.start_ns, p.end_ns, p.arrival_ns) for p in record.phases], np.int64
    ).reshape(-1, 3).T  # fmt: skip
    for capture in record.captures:
        at_ns = record.time_ns(capture)
        inside = np.flatnonzero((starts_ns <= at_ns) & (at_ns < ends_ns))
        age_ns = capture.arrival_ns - arrivals_ns[inside]
        delay_ns = np.abs(age_ns - (at_ns - starts_ns[inside]))
        yield int(inside[delay_ns.argmin()]) if inside.size else None


def _spacing_ns(stamps_ns: NDArray[np.int64]) -> float:
    return float(np.median(np.abs(np.diff(stamps_ns)))) if stamps_ns.size > 1 else 0.0


def _distances_ns(from_ns: NDArray[np.int64], to_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distance of each of ``from_ns`` to the nearest of ``to_ns``, which is sorted."""
    if not to_ns.size:
        return np.full(from_ns.size, np.inf)
    after = np.searchsorted(to_ns, from_ns).clip(0, to_ns.size - 1)
    before = (after - 1).clip(0)
    beyond, short = np.abs(to_ns[after] - from_ns), np.abs(to_ns[before] - from_ns)
    nearest: NDArray[np.float64] = np.minimum(beyond, short).astype(np.float64)
    return nearest
