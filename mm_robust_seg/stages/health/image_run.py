# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Equal images: whether a camera is frozen, or the scene at rest.

A simulated camera without noise, or one whose stream is decoded from video, repeats its image bit
for bit while nothing moves. Then the others do so too. If one of them sees the scene move, the
camera that repeats its image is frozen.
"""

from __future__ import annotations

from collections.abc import Iterable

from mm_robust_seg.modalities.sections import SensorMonitorConfig
from mm_robust_seg.stages.health.nominal_rate import NominalRate

_DEFAULT_FRAMES = 5
_MOVING_SHARE = 0.5
"""Share of the time that means frozen for which another image must change, and a period of it."""


class ImageRun:
    """The run of equal images that the last one of a sensor belongs to.

    Attributes:
        frames: how many there are.
        since_ns, last_ns: when the first and the last one were taken.
        is_refuted: whether another sensor saw the scene move meanwhile.
    """

    def __init__(self, started_ns: int, nominal: NominalRate) -> None:
        self.frames = 0
        self.since_ns = self.last_ns = started_ns
        self.is_refuted = False
        self._nominal = nominal
        self._digest: int | None = None
        self._began_ns = self._moving_since_ns = started_ns

    def add(self, digest: int, taken_ns: int, limits: SensorMonitorConfig) -> None:
        """Note an image.

        Args:
            digest: equal for equal images.
            taken_ns: when it was taken, on the clock of all sensors' arrivals.
            limits: of this sensor.
        """
        if self._digest is None:
            self._began_ns = self._moving_since_ns = taken_ns
        if digest != self._digest:
            if self.is_long(limits):
                self._moving_since_ns = taken_ns
            self._digest, self.frames, self.since_ns = digest, 0, taken_ns
            self.is_refuted = False
        self.frames += 1
        self.last_ns = taken_ns

    def is_long(self, limits: SensorMonitorConfig) -> bool:
        """Tell whether the images have been equal for long enough to mean something.

        That is known only from image to image, so half a period may be missing.
        """
        frames = limits.frozen_frames or _DEFAULT_FRAMES
        return self.frames >= frames and self._lasts(self.since_ns, limits)

    def is_of_scene(self, limits: SensorMonitorConfig, others: Iterable[ImageRun]) -> bool:
        """Tell whether a long run shows a scene at rest, by the other sensors that see it.

        One of them must be still as well, and none may have moved for about as long as this one
        must be still to count. Who moved is remembered for as long as the run lasts.

        Args:
            limits: of this sensor.
            others: of all others that send images worth looking at.
        """
        runs = list(others)
        self.is_refuted |= any(self._is_refuted_by(other, limits) for other in runs)
        return not self.is_refuted and any(
            not other.is_refuted and (other._began_ns <= self.since_ns or other.is_long(limits))
            for other in runs
        )

    def _is_refuted_by(self, other: ImageRun, limits: SensorMonitorConfig) -> bool:
        """Tell whether another sensor has seen the scene move for a while during this run.

        Not at once: of a scene that begins to move, or comes to rest, not all sensors show it in
        images that come at the same time.
        """
        from_ns = max(self.since_ns, other._moving_since_ns)
        least_ns = (_MOVING_SHARE * limits.frozen_s + 1 / other._nominal.hz) * 1e9
        return other.since_ns - from_ns >= least_ns and self._lasts(from_ns, limits)

    def _lasts(self, since_ns: int, limits: SensorMonitorConfig) -> bool:
        least_s = limits.frozen_s - 0.5 / self._nominal.hz
        return (self.last_ns - since_ns) * 1e-9 >= least_s
