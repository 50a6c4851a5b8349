# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Keep frames with stamps from the future out of the sets."""

from __future__ import annotations

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame

_ALL_AHEAD_NS = 1_000_000_000
"""Without a stamp of the present for this long, sets are made of stamps from the future."""


class FutureStamps:
    """Tell which frames sets may be made of.

    After a set from the future all others would be late. So there are such sets only while no
    sensor has stamps of the present, and the first frame that has one ends them.

    Args:
        config: says how far in the future a stamp may lie.
        now_ns: the present.

    Attributes:
        have_ended: whether the last frame was the first of the present after sets from the
            future: what is left of those must be forgotten.
    """

    def __init__(self, config: Config, now_ns: int) -> None:
        self.reconfigure(config)
        self.reset(now_ns)

    def reconfigure(self, config: Config) -> None:
        """Use other limits from now on."""
        self._limits = config.monitor

    def reset(self, now_ns: int) -> None:
        """Begin anew, as after a jump of the clock."""
        self._present_ns = now_ns
        self._are_used = self.have_ended = False

    def admits(self, frame: Frame, now_ns: int) -> bool:
        """Tell whether a frame that is observed at ``now_ns`` may be part of a set."""
        self.have_ended = False
        limit_s = self._limits[frame.modality].max_future_s
        if frame.stamp_ns - frame.arrival_ns > limit_s * 1e9:
            self._are_used |= now_ns - self._present_ns > _ALL_AHEAD_NS
            return self._are_used
        self.have_ended = self._are_used
        self._present_ns, self._are_used = now_ns, False
        return True
