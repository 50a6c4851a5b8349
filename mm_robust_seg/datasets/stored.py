# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A split that lies in files: read when first asked for, then kept in memory up to a limit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.datasets.class_list import check_labels
from mm_robust_seg.datasets.image_folders import Part, Stored
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.datasets.units import STATED, units_of
from mm_robust_seg.errors import DataError
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modalities.kind import Units
from mm_robust_seg.modality import Modality, ModalitySet

KEPT_BYTES = 4 << 30
"""Most memory that the stored images of one split may take; what is beyond is read again."""


@dataclass(frozen=True)
class StoredSample:
    """The images of one moment in the types of their files, RGB in R, G, B order."""

    images: Mapping[Modality, Stored]
    labels: Stored

    @property
    def size_bytes(self) -> int:
        """Memory of the arrays."""
        return self.labels.nbytes + sum(image.nbytes for image in self.images.values())


class StoredSplit(ABC):
    """What is common to data sets in files; see ``samples.Dataset``.

    A sample is checked whenever it is read: one size, labels within the class list.

    Args:
        stated: what is known of the units, by the names in ``units.STATED``.

    Attributes:
        units: of every sensor.
    """

    def __init__(
        self,
        names: Sequence[str],
        classes: tuple[SegmentationClass, ...],
        modalities: ModalitySet,
        stated: Mapping[str, float],
        provenance: Mapping[str, str],
        licence: str,
    ) -> None:
        self.classes, self.modalities = classes, modalities
        self._stated, self.units = stated, units_of(stated)
        self.provenance, self.licence = dict(provenance), licence
        self.names = tuple(names)
        self._kept: dict[int, StoredSample] = {}
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        return self._sample(index, self.units)

    def unlimited(self, index: int) -> Sample:
        """Return a sample with what lies beyond the range of its sensors left in."""
        return self._sample(index, {m: units.unlimited() for m, units in self.units.items()})

    def prepare_for(self, inputs: InputSpec) -> None:
        """Let the range of the sensors be that of a network's inputs, where none is stated."""
        known = {n: value for n, value in inputs.numbers().items() if n in STATED}
        self.units = units_of({**known, **self._stated})

    @abstractmethod
    def read(self, name: str) -> StoredSample:
        """Read one sample; raise DataError if a file is not what it should be."""

    @abstractmethod
    def source(self, name: str, part: Part) -> Path:
        """Return where an image of a sample comes from."""

    def _sample(self, index: int, units: Mapping[Modality, Units]) -> Sample:
        stored = self._kept.get(index) or self._read_checked(index)
        images = {m: units[m].image(stored.images[m]) for m in self.modalities}
        return Sample(self.names[index], images, stored.labels)

    def _read_checked(self, index: int) -> StoredSample:
        name = self.names[index]
        stored = self.read(name)
        size = stored.labels.shape
        for modality, image in stored.images.items():
            if image.shape[:2] != size:
                raise DataError(
                    f'{self.source(name, modality)} is {image.shape[1]} x {image.shape[0]} px: '
                    f'expected the size of its labels, {size[1]} x {size[0]} px; register all '
                    'images of a sample onto one camera'
                )
        check_labels(stored.labels, len(self.classes), self.source(name, None))
        if self._kept_bytes + stored.size_bytes <= KEPT_BYTES:
            self._kept[index] = stored
            self._kept_bytes += stored.size_bytes
        return stored
