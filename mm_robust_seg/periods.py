# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The period of a stream, from the steps between its frames."""

from __future__ import annotations

from collections.abc import Collection

_LONGEST_SHARE = 0.1
_BURSTS = 2.0


def usual_step_ns(steps_ns: Collection[int]) -> int:
    """Return the period of a stream.

    That is the median step, which neither lost frames nor a pause change. Where frames come in
    bursts it is the mean over whole bursts. They do if the mean is over twice the median even
    without the tenth of the steps that are longest.

    Args:
        steps_ns: from each frame to the next, in order; at least one.
    """
    ordered = sorted(steps_ns)
    median_ns = ordered[len(ordered) // 2]
    some = ordered[: len(ordered) - int(_LONGEST_SHARE * len(ordered))]
    if sum(some) <= _BURSTS * median_ns * len(some):
        return median_ns
    mean_ns = sum(ordered) / len(ordered)
    ends = [place for place, step_ns in enumerate(steps_ns) if step_ns > mean_ns]
    whole = list(steps_ns)[ends[0] + 1 if len(ends) > 1 else 0 : ends[-1] + 1]
    return round(sum(whole) / len(whole))
