# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a picture shows, tile by tile: level, fine and coarse detail, and what changes of it."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.stages.health.damage.picture import Picture

ROWS, COLUMNS = 8, 8
Tiles = NDArray[np.float32]
"""(ROWS, COLUMNS) float32."""

_WHITE = 250
_APART_NS = 360_000_000
"""Time between the pictures that are compared, in which a moving scene is another one."""
_NOISE_IN_FINE, _NOISE_IN_COARSE = 1.95, 0.08
"""Mean size of white noise of deviation 1 in both measures."""
_QUIET = 0.1


class TileStatistics(NamedTuple):
    """Means over each tile, in the units of the image.

    Attributes:
        level: of the values.
        fine: size of second differences from pixel to pixel, across or down, whichever is more:
            motion blurs one of them, a lens out of focus both.
        coarse: size of what is 4 to 16 px wide.
        changes: the same of the difference from the picture 0.4 s before; at first ``coarse``.
        white: share of pixels at the upper end of grey levels.
        noise: deviation of the noise, where the picture is quietest; one number.
    """

    level: Tiles
    fine: Tiles
    coarse: Tiles
    changes: Tiles
    white: Tiles
    noise: float

    @property
    def structure(self) -> Tiles:
        """``coarse`` less what noise alone would show."""
        bare: Tiles = np.maximum(self.coarse - np.float32(self.noise_in_coarse), 0)
        return bare

    @property
    def noise_in_coarse(self) -> float:
        """What noise alone would show in ``coarse``."""
        return _NOISE_IN_COARSE * self.noise

    @property
    def sharpness(self) -> float:
        """Fine detail of the whole picture beyond noise, to the coarse."""
        fine = np.maximum(self.fine - _NOISE_IN_FINE * self.noise, 0)
        return float(fine.sum() / max(float(self.coarse.sum()), 1e-9))


class TileMeter:
    """Measures the pictures of one camera."""

    def __init__(self) -> None:
        self._bands: deque[tuple[int, Picture]] = deque()

    def measure(self, picture: Picture, stamp_ns: int) -> TileStatistics:
        """Return the statistics of the picture of a moment."""
        across, down = (
            _mean(np.abs(cv2.Sobel(picture, cv2.CV_32F, *order, ksize=1)))
            for order in ((2, 0), (0, 2))
        )
        half = np.ascontiguousarray(cv2.GaussianBlur(picture, (5, 5), 1.0)[::2, ::2])
        band = cv2.GaussianBlur(half, (5, 5), 0.87) - cv2.GaussianBlur(half, (9, 9), 1.94)
        before = self._before(band, stamp_ns)
        fine = np.maximum(across, down)
        return TileStatistics(
            level=_mean(picture),
            fine=fine,
            coarse=_mean(np.abs(band)),
            changes=_mean(np.abs(band - before)),
            white=_mean((picture >= _WHITE).astype(np.float32)),
            noise=float(np.quantile(fine, _QUIET)) / _NOISE_IN_FINE,
        )

    def _before(self, band: Picture, stamp_ns: int) -> Picture:
        """Return the newest band that is long enough ago; zeros as long as there is none."""
        bands = self._bands
        if bands and (bands[-1][1].shape != band.shape or stamp_ns <= bands[-1][0]):
            bands.clear()
        while len(bands) > 1 and stamp_ns - bands[1][0] >= _APART_NS:
            bands.popleft()
        old = bands[0][1] if bands and stamp_ns - bands[0][0] >= _APART_NS else None
        bands.append((stamp_ns, band))
        return np.zeros_like(band) if old is None else old


def _mean(values: Any) -> Tiles:
    size = (COLUMNS, ROWS)
    means: Tiles = cv2.resize(values, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return means
