# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""When the images of a bag arrive in a replay: by the bag's time, or by their stamps.

A bag that was recorded from a simulation has the simulation's stamps, in another time than that of
the bag; one that was recorded while another was played, those of the first recording; one whose
recorder had a clock of its own, stamps that are off by a constant. Nobody can synchronise these
clocks any more, so their difference is taken out:

- As long as stamps and bag time pass alike, everything arrives by the bag's time less the least
  age of an image. Latencies and jitter stay as they were recorded, but for what all share.
- Where they do not, as when a simulation ran slower than time, an image arrives when the newest
  stamp recorded before it, or its own, is reached. The order of arrival stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.timeline import Timeline

CLOCKS = ('auto', 'bag', 'stamps')
Times = NDArray[np.int64]

_OLD_NS, _AHEAD_NS = 1_000_000_000, 100_000_000
"""No camera's images are older when they are recorded, nor stamped so far in the future."""
_ALIKE_NS = 250_000_000
"""Two clocks pass alike if their difference stays within this."""
_FEWEST, _MOST = 5, 95
_NEIGHBOURS = 7
"""A stamp is believed if it is near the median of so many before and after it."""
_NEAR_NS = 1_000_000_000


@dataclass(frozen=True)
class Arrivals:
    """When the messages of a bag arrive.

    Attributes:
        clock: ``bag`` or ``stamps``.
        times_ns: of each message of the timeline, (N,) int64.
        note: what a person should know about it; may be empty.
    """

    clock: str
    times_ns: Times
    note: str = ''


def arrivals(timeline: Timeline, clock: str) -> Arrivals:
    """Decide when the messages of a bag arrive.

    Args:
        clock: one of ``CLOCKS``; ``auto`` is the bag's time unless all its sensors have stamps
            that no camera could have had by it.
    """
    ages_ns = _ages_ns(timeline)
    medians_ns = {m: float(np.median(own_ns)) for m, own_ns in ages_ns.items()}
    if clock == 'bag' or (clock == 'auto' and not _are_foreign(medians_ns)):
        return Arrivals('bag', timeline.times_ns)
    if not ages_ns:
        return Arrivals(
            'bag',
            timeline.times_ns,
            'no sensor has stamps that pass: the time of the bag is taken',
        )
    least_ns = min(medians_ns.values())
    near = {m: ages_ns[m] for m in ages_ns if medians_ns[m] - least_ns <= _NEAR_NS}
    bounds_ns = [np.percentile(own_ns, (_FEWEST, _MOST)) for own_ns in near.values()]
    found = f'stamps lie {_seconds(abs(least_ns))} {"behind" if least_ns > 0 else "ahead of"} '
    if all(high_ns - low_ns <= _ALIKE_NS for low_ns, high_ns in bounds_ns):
        offset_ns = round(min(low_ns for low_ns, _ in bounds_ns))
        note = f'{found}the time of the bag: this difference is taken out'
        return Arrivals('stamps', timeline.times_ns - offset_ns, note)
    times_ns = _by_stamps(timeline, near)
    note = f'{found}the time of the bag, which passes otherwise: the stamps are taken as the time'
    return Arrivals('stamps', times_ns, note)


def _ages_ns(timeline: Timeline) -> dict[Modality, Times]:
    """Return the ages of each sensor's images, if its stamps pass at all."""
    ages_ns = {}
    for modality in Modality:
        own = timeline.of(modality)
        stamps_ns = timeline.stamps_ns[own]
        if len(own) and (len(own) == 1 or stamps_ns.min() < stamps_ns.max()):
            ages_ns[modality] = timeline.times_ns[own] - stamps_ns
    return ages_ns


def _are_foreign(medians_ns: Mapping[Modality, float]) -> bool:
    """Tell whether no sensor's images can have had these ages when they were recorded."""
    return bool(medians_ns) and (
        min(medians_ns.values()) > _OLD_NS or max(medians_ns.values()) < -_AHEAD_NS
    )


def _by_stamps(timeline: Timeline, believed: Mapping[Modality, Times]) -> Times:
    """Return the newest stamp up to each message; stamps that went back for good begin anew.

    Args:
        believed: the sensors whose stamps count.
    """
    counted = np.array([m in believed for m in timeline.sensors], bool)
    stamps_ns = timeline.stamps_ns[counted]
    padded_ns = np.pad(stamps_ns, _NEIGHBOURS, 'edge')
    usual_ns = np.median(sliding_window_view(padded_ns, 2 * _NEIGHBOURS + 1), axis=1)
    is_near = np.abs(stamps_ns - usual_ns) <= _NEAR_NS
    newest_ns = int(stamps_ns[is_near][0]) if is_near.any() else int(stamps_ns[0])
    trusted = np.zeros(len(counted), bool)
    trusted[counted] = is_near
    times_ns = np.empty(len(counted), np.int64)
    for place, stamp_ns in enumerate(timeline.stamps_ns.tolist()):
        if trusted[place] and (stamp_ns > newest_ns or stamp_ns < newest_ns - _NEAR_NS):
            newest_ns = stamp_ns
        times_ns[place] = newest_ns
    return times_ns


def _seconds(time_ns: float) -> str:
    time_s = time_ns * 1e-9
    return f'{time_s:.0f} s' if time_s >= 100 else f'{time_s:.2f} s'
