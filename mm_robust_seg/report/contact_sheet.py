"""Pictures for people: many thumbnails on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

_MARGIN_PX = 4
_PAPER = 255


class Thumbnails:
    """An evenly spaced selection out of a stream of unknown length.

    Args:
        limit: most pictures to keep; at least half of it are kept of a long stream.
        width_px: of each.
    """

    def __init__(self, limit: int, width_px: int) -> None:
        self._limit, self._width_px = limit, width_px
        self._stride, self._seen = 1, 0
        self.pictures: list[Rgb] = []

    def wants_next(self) -> bool:
        """Tell whether the next picture of the stream is to be kept; counts it."""
        self._seen += 1
        return (self._seen - 1) % self._stride == 0

    def keep(self, picture: Rgb) -> None:
        """Shrink and keep one picture, (H, W, 3) uint8."""
        height_px = max(1, round(picture.shape[0] * self._width_px / picture.shape[1]))
        size = (self._width_px, height_px)
        self.pictures.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]
        if len(self.pictures) > self._limit:
            self.pictures = self.pictures[::2]
            self._stride *= 2


def contact_sheet(pictures: Sequence[Rgb], columns: int) -> Rgb:
    """Lay pictures out in rows on white paper, (H, W, 3) uint8; sizes may differ."""
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    cell_px = max((picture.shape[1] for picture in pictures), default=1) + _MARGIN_PX
    heights_px = [max(p.shape[0] for p in row) + _MARGIN_PX for row in rows]
    width_px = cell_px * min(columns, max(len(pictures), 1)) + _MARGIN_PX
    sheet = np.full((sum(heights_px) + _MARGIN_PX, width_px, 3), _PAPER, np.uint8)
    top = _MARGIN_PX
    for row, height_px in zip(rows, heights_px, strict=True):
        for column, picture in enumerate(row):
            left = _MARGIN_PX + column * cell_px
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        top += height_px
    return sheet
