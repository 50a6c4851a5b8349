# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Many pictures on one sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.modality import Modality
from mm_robust_seg.report.views import (
    captioned,
    colorize,
    false_color_view,
    FONT,
    Image,
    Labels,
    Rgb,
    span_name,
    span_of,
)

_MARGIN_PX = 4
_PAPER = 255
_SWATCH_PX, _FONT_SCALE = 14, 0.42
_LINE_PX = 30


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
        self.pictures.append(resized(picture, self._width_px))
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


def sample_panels(
    images: Mapping[Modality, Image],
    labels: Mapping[str, Labels],
    classes: Sequence[SegmentationClass],
    width_px: int,
) -> list[Rgb]:
    """Return a captioned picture of each image of a sample and of each map of labels."""
    panels = []
    for modality, image in images.items():
        span = span_of(modality, [image])
        view = resized(false_color_view(modality, image, span), width_px)
        panels.append(captioned(view, span_name(modality, span)))
    for text, each in labels.items():
        panels.append(captioned(colorize(resized(each, width_px), classes), text))
    return panels


def legend(classes: Sequence[SegmentationClass], width_px: int) -> Rgb:
    """Return the colours of classes with their names, in as many lines as the width asks for."""
    places, left, top = [], _MARGIN_PX, _MARGIN_PX
    for item in classes:
        reach_px = cv2.getTextSize(item.name, FONT, _FONT_SCALE, 1)[0][0] + 3 * _SWATCH_PX
        if left + reach_px > width_px and left > _MARGIN_PX:
            left, top = _MARGIN_PX, top + _SWATCH_PX + _MARGIN_PX
        places.append((left, top))
        left += reach_px
    picture = np.full((top + _SWATCH_PX + _MARGIN_PX, width_px, 3), _PAPER, np.uint8)
    for item, (left, top) in zip(classes, places, strict=True):
        bottom = top + _SWATCH_PX
        picture[top:bottom, left : left + _SWATCH_PX] = item.color
        place = (left + _SWATCH_PX + _MARGIN_PX, bottom - 3)
        cv2.putText(picture, item.name, place, FONT, _FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    return picture


def headline(text: str, width_px: int) -> Rgb:
    """Return a line of text on white paper."""
    picture = np.full((_LINE_PX, width_px, 3), _PAPER, np.uint8)
    place = (_MARGIN_PX, _LINE_PX - 9)
    return cv2.putText(picture, text, place, FONT, 0.6, (0, 0, 0), 1, cv2.LINE_AA)  # type: ignore[return-value]


def notice(text: str, picture: Rgb) -> Rgb:
    """Write a few words in the middle of a dark picture; return it."""
    (width_px, height_px), _ = cv2.getTextSize(text, FONT, 0.8, 2)
    place = ((picture.shape[1] - width_px) // 2, (picture.shape[0] + height_px) // 2)
    return cv2.putText(picture, text, place, FONT, 0.8, (255, 255, 255), 2, cv2.LINE_AA)  # type: ignore[return-value]


def resized(image: Image, width_px: int) -> Image:
    """Return a picture (H, W, 3), or labels (H, W) without mixing them, of another width."""
    height_px = max(1, round(image.shape[0] * width_px / image.shape[1]))
    how = cv2.INTER_AREA if image.ndim == 3 else cv2.INTER_NEAREST
    return cv2.resize(image, (width_px, height_px), interpolation=how)
