# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The files of a replay: masks, overlays, contact sheet, and a bag of the mask topics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import re

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import Segmentation
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.report.contact_sheet import contact_sheet, Thumbnails
from mm_robust_seg.report.png import write_png
from mm_robust_seg.report.views import camera_view, caption, colorize, overlay

_THUMBNAILS, _THUMBNAIL_PX, _COLUMNS = 48, 320, 6
_SHEET, _PICTURE = 'contact_sheet.png', re.compile(r'\d{6,}_\d+\.png')
_FOLDERS = ('masks', 'overlays')


def earlier_results(folder: Path) -> list[Path]:
    """List what an earlier replay into ``folder`` wrote, but for its summary."""
    pictures = (path for name in _FOLDERS for path in (folder / name).glob('*.png'))
    return [folder / _SHEET, *(path for path in pictures if _PICTURE.fullmatch(path.name))]


class ReplayResults:
    """Writes what a replay yields into ``folder``.

    Args:
        folder: of the results, empty.
        classes: of the masks.
        bag: where the mask topics go as well, or None.
        every: pictures are written of every such mask, from the first on; 0 means of none, and no
            contact sheet.
    """

    def __init__(
        self,
        folder: Path,
        classes: Sequence[SegmentationClass],
        bag: BagWriter | None,
        every: int = 1,
    ) -> None:
        self._folder, self._classes, self._bag = folder, tuple(classes), bag
        self._every = every
        self._thumbnails = Thumbnails(_THUMBNAILS, _THUMBNAIL_PX)
        self._count = 0

    def add(self, result: Segmentation, now_ns: int, truth: NDArray[np.uint8] | None) -> None:
        """Write one mask; ``truth``, if known, is shown on the contact sheet."""
        is_written = self._every > 0 and self._count % self._every == 0
        is_kept = self._every > 0 and self._thumbnails.wants_next()
        if is_written or is_kept or self._bag:
            picture = self._overlay(result)
            if is_written:
                name = f'{self._count:06d}_{result.header_stamp_ns}.png'
                for kind, image in zip(_FOLDERS, (result.labels, picture), strict=True):
                    write_png(self._folder / kind / name, image)
            if is_kept:
                self._thumbnails.keep(self._with_truth(picture, truth))
            if self._bag:
                self._write_bag(result, picture, now_ns)
        self._count += 1

    def close(self) -> None:
        """Write the contact sheet: each overlay, with the truth below it where it is known."""
        if self._thumbnails.pictures:
            sheet = contact_sheet(self._thumbnails.pictures, _COLUMNS)
            write_png(self._folder / _SHEET, sheet)

    def _overlay(self, result: Segmentation) -> NDArray[np.uint8]:
        view = camera_view(result.reference.modality, result.reference.image)
        return overlay(
            view, result.labels, self._classes, caption(result.combination, result.report)
        )

    def _with_truth(
        self, picture: NDArray[np.uint8], truth: NDArray[np.uint8] | None
    ) -> NDArray[np.uint8]:
        if truth is None or truth.shape != picture.shape[:2]:
            return picture
        return np.vstack([picture, colorize(truth, self._classes)])

    def _write_bag(self, result: Segmentation, picture: NDArray[np.uint8], now_ns: int) -> None:
        images = {
            'mask': (result.labels, 'mono8'),
            'confidence': (result.confidence, 'mono8'),
            'overlay': (picture, 'rgb8'),
        }
        for name, (image, encoding) in images.items():
            if self._bag:
                topic = f'/segmentation/{name}'
                header = (result.header_stamp_ns, result.reference.frame_id)
                self._bag.write(topic, image, encoding, *header, time_ns=now_ns)
