# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the checks look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, SensorHealth
from mm_robust_seg.finding import Finding
from mm_robust_seg.modalities.kind import Statistics
from mm_robust_seg.stages.health.history import SensorHistory


class Missing(NamedTuple):
    """How often a sensor in use had no image for a mask, and how far the nearest one was.

    ``apart_s`` is positive if the image was taken before the moment of the mask.
    """

    share: float
    apart_s: float


@dataclass(frozen=True)
class Observation:
    """One frame, its statistics, and the history it belongs to (this frame included).

    Attributes:
        verdict: on the sensor, before this frame.
        skew_s: how far the stamps lie behind those of the other sensors; None if not known.
        missing: why it is not in most of the last masks; None if it is, or is not meant to be.
        is_at_rest: whether the image stays the same because the scene does.
        damage: what is to be said of a part of the image; None for nothing.
        is_delayed: whether we are too busy to handle messages in time: lateness is our own then.
    """

    frame: Frame
    statistics: Statistics
    history: SensorHistory
    verdict: SensorHealth
    skew_s: float | None = None
    missing: Missing | None = None
    is_at_rest: bool = False
    damage: Finding | None = None
    is_delayed: bool = False

    @property
    def age_s(self) -> float:
        """Time from the stamp to the arrival, less what lies in an unmonitored gap."""
        return self.history.age_s


Check = Callable[[Observation, Config], Finding | None]
