# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures of samples: what the sensors saw, the truth, and the mask of every combination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.datasets.samples import Dataset, evenly_spaced, Sample
from mm_robust_seg.errors import DataError
from mm_robust_seg.evaluation.run import Labels
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.report.contact_sheet import contact_sheet, legend, resized, sample_panels
from mm_robust_seg.report.document import Picture
from mm_robust_seg.report.png import png_bytes, write_png
from mm_robust_seg.report.views import false_color_view, overlay, Rgb, span_of
from mm_robust_seg.scores.metrics import ConfusionMatrix

_COLUMNS, _WIDTH_PX = 4, 320


def sample_picture(
    sample: Sample,
    masks: Mapping[ModalitySet, Labels],
    classes: Sequence[SegmentationClass],
    number: int,
) -> Picture:
    """Lay out one sample, with the classes that are in its labels or masks."""
    maps = {'truth': sample.labels}
    for combination, mask in masks.items():
        maps[f'{combination}: {_frame_score(mask, sample.labels, len(classes))}'] = mask
    sheet = contact_sheet(sample_panels(sample.images, maps, classes, _WIDTH_PX), _COLUMNS)
    shown = np.unique(np.concatenate([sample.labels, *masks.values()], axis=None))
    names = legend([classes[i] for i in shown[shown != UNLABELED]], sheet.shape[1])
    caption = f'Sample {sample.name}: inputs, truth (unlabeled: black), masks and their mIoU.'
    return Picture(f'sample_{number}.png', png_bytes(np.vstack([sheet, names])), caption)


def write_sheet(splits: Mapping[str, Dataset], path: Path, limit: int) -> bool:
    """Draw up to ``limit`` samples of each split, evenly spaced; tell whether there was one."""
    pictures: list[Rgb] = []
    columns = 1
    for name, dataset in splits.items():
        columns = len(dataset.modalities) + 1
        for sample in _some(dataset, limit):
            pictures += _row(name, sample, dataset)
    if pictures:
        write_png(path, contact_sheet(pictures, columns))
    return bool(pictures)


def _some(dataset: Dataset, limit: int) -> Iterator[Sample]:
    for index in evenly_spaced(len(dataset), limit):
        try:
            yield dataset[index]
        except DataError:
            continue


def _row(split: str, sample: Sample, dataset: Dataset) -> list[Rgb]:
    images = {modality: sample.images[modality] for modality in dataset.modalities}
    modality, image = next(iter(images.items()))
    below = false_color_view(modality, image, span_of(modality, [image]))
    labels = resized(sample.labels, _WIDTH_PX)
    labelled = overlay(
        resized(below, _WIDTH_PX), labels, dataset.classes, f'{split} {sample.name}'
    )
    return [*sample_panels(images, {}, dataset.classes, _WIDTH_PX), labelled]


def _frame_score(mask: Labels, truth: Labels, class_count: int) -> str:
    return f'{100 * ConfusionMatrix.of(mask, truth, class_count).miou():.1f}'
