"""The picture of ``mm-robust-seg inspect``: a row for each sample, its images and its labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.datasets.samples import Dataset, Image, Sample
from mm_robust_seg.errors import DataError
from mm_robust_seg.files import replacing
from mm_robust_seg.modality import Modality
from mm_robust_seg.report.contact_sheet import contact_sheet, Thumbnails
from mm_robust_seg.stages.mask import overlay

Rgb = NDArray[np.uint8]
WIDTH_PX = 320
_COLOUR_MAPS = {Modality.THERMAL: cv2.COLORMAP_INFERNO, Modality.DEPTH: cv2.COLORMAP_VIRIDIS}


def write_sheet(splits: Mapping[str, Dataset], path: Path, limit: int) -> bool:
    """Draw up to ``limit`` samples of each split, evenly spaced; tell whether there was one."""
    pictures: list[Rgb] = []
    columns = 1
    for name, dataset in splits.items():
        columns = len(dataset.modalities) + 1
        for sample in _some(dataset, limit):
            pictures += _row(name, sample, dataset)
    if pictures:
        shrunk = Thumbnails(len(pictures), WIDTH_PX)
        for picture in pictures:
            shrunk.keep(picture)
        sheet = contact_sheet(shrunk.pictures, columns)
        with replacing(path) as temporary:
            cv2.imwrite(str(temporary), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return bool(pictures)


def _some(dataset: Dataset, limit: int) -> Iterator[Sample]:
    for index in np.unique(np.linspace(0, len(dataset) - 1, limit).astype(int)):
        try:
            yield dataset[int(index)]
        except DataError:
            continue


def _row(split: str, sample: Sample, dataset: Dataset) -> list[Rgb]:
    views = [_view(modality, sample.images[modality]) for modality in dataset.modalities]
    below = Frame(Modality.RGB, 0, 0, views[0])
    return [*views, overlay(below, sample.labels, dataset.classes, f'{split} {sample.name}')]


def _view(modality: Modality, image: Image) -> Rgb:
    """Show thermal and depth between their own extremes, invalid pixels black."""
    if modality is Modality.RGB:
        return image.astype(np.uint8, copy=False)
    valid = image > 0
    low, high = np.quantile(image[valid], (0.01, 0.99)) if valid.any() else (0.0, 1.0)
    share = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    colours = cv2.applyColorMap((255 * share).astype(np.uint8), _COLOUR_MAPS[modality])
    colours[~valid] = 0
    return cv2.cvtColor(colours, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]
