# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Look at every sample of a split and gather what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.datasets.samples import Dataset, Image, Sample
from mm_robust_seg.datasets.stored import StoredSplit
from mm_robust_seg.errors import DataError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality

_STEP = 4

Progress = Callable[[str, int, int], None]
"""Is told (split, samples looked at, samples in all)."""


@dataclass(frozen=True)
class ImageSurvey:
    """The images of one sensor, every fourth pixel of every fourth row.

    Attributes:
        low, high: range of the valid values, in grey levels, kelvin or metres.
        medians: (n,) median of the valid values of each image, NaN where there is none.
        invalid_share: share of pixels of value 0, or not finite; always 0 for colours.
        constant: names of the samples whose image has one value everywhere.
        implausible: names of the samples with more than 1 % of values that are not plausible.
    """

    low: float
    high: float
    medians: NDArray[np.float64]
    invalid_share: float
    constant: tuple[str, ...]
    implausible: tuple[str, ...]


@dataclass(frozen=True)
class SplitSurvey:
    """One split.

    Attributes:
        names: of the samples that could be read.
        unreadable: one message for each sample that could not be read.
        sizes: number of samples by (height, width) in px.
        images: by sensor.
        class_pixels: (classes,) labelled pixels of each class, all pixels counted.
        unlabeled_share: share of pixels of label 255.
        blank: names of the samples without any labelled pixel.
    """

    names: tuple[str, ...]
    unreadable: tuple[str, ...]
    sizes: Mapping[tuple[int, int], int]
    images: Mapping[Modality, ImageSurvey]
    class_pixels: NDArray[np.int64]
    unlabeled_share: float
    blank: tuple[str, ...]


def survey_split(split: str, dataset: Dataset, progress: Progress | None) -> SplitSurvey:
    """Look at every sample of a split; what cannot be read is noted."""
    sensors = {modality: _Sensor(modality) for modality in dataset.modalities}
    names: list[str] = []
    blank: list[str] = []
    unreadable: list[str] = []
    sizes: Counter[tuple[int, int]] = Counter()
    pixels = np.zeros(256, np.int64)
    for sample in _samples(split, dataset, unreadable, progress):
        counts = np.bincount(sample.labels.ravel(), minlength=256)
        pixels += counts
        names.append(sample.name)
        sizes[sample.labels.shape[0], sample.labels.shape[1]] += 1
        if counts[UNLABELED] == sample.labels.size:
            blank.append(sample.name)
        for modality, sensor in sensors.items():
            sensor.add(sample.name, sample.images[modality])
    return SplitSurvey(
        tuple(names),
        tuple(unreadable),
        sizes,
        {modality: sensor.report() for modality, sensor in sensors.items()},
        pixels[: len(dataset.classes)],
        float(pixels[UNLABELED] / max(pixels.sum(), 1)),
        tuple(blank),
    )


def _samples(
    split: str, dataset: Dataset, unreadable: list[str], progress: Progress | None
) -> Iterator[Sample]:
    read = dataset.unlimited if isinstance(dataset, StoredSplit) else dataset.__getitem__
    for index in range(len(dataset)):
        try:
            sample = read(index)
        except DataError as error:
            unreadable.append(str(error))
        else:
            yield sample
        if progress:
            progress(split, index + 1, len(dataset))


class _Sensor:
    """Gathers what ``ImageSurvey`` reports, one image after the other."""

    def __init__(self, modality: Modality) -> None:
        self._kind = KINDS[modality]
        self._low, self._high = np.inf, -np.inf
        self._medians: list[float] = []
        self._pixels = self._invalid = 0
        self._constant: list[str] = []
        self._implausible: list[str] = []

    def add(self, name: str, image: Image) -> None:
        some = image[::_STEP, ::_STEP]
        valid = some[np.isfinite(some) & ((some > 0) | self._kind.is_color)]
        self._pixels += some.size
        self._invalid += some.size - valid.size
        self._medians.append(float(np.median(valid)) if valid.size else np.nan)
        if np.ptp(some) == 0:
            self._constant.append(name)
        if valid.size:
            self._low = min(self._low, float(np.min(valid)))
            self._high = max(self._high, float(np.max(valid)))
            low, high = self._kind.plausible
            if np.mean((valid < low) | (valid > high)) > 0.01:
                self._implausible.append(name)

    def report(self) -> ImageSurvey:
        return ImageSurvey(
            self._low if np.isfinite(self._low) else 0.0,
            self._high if np.isfinite(self._high) else 0.0,
            np.array(self._medians),
            self._invalid / max(self._pixels, 1),
            tuple(self._constant),
            tuple(self._implausible),
        )
