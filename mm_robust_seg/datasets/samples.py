# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a data set gives: frames in the package's units with their label map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.modality import Modality, ModalitySet

Image = NDArray[np.uint8] | NDArray[np.float32]
"""An image as in ``dataflow.Frame.image``."""


@dataclass(frozen=True)
class Sample:
    """One moment, all images registered and of one size.

    Attributes:
        images: one of each modality that the data set has.
        labels: (H, W) uint8 class ids, 255 where unlabeled.
    """

    name: str
    images: Mapping[Modality, Image]
    labels: NDArray[np.uint8]


class Dataset(Protocol):
    """A split of labelled samples; access by index is cheap and repeatable."""

    @property
    def classes(self) -> tuple[SegmentationClass, ...]:
        """The classes, by id."""

    @property
    def modalities(self) -> ModalitySet:
        """The modalities that every sample has."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """Where the data come from, for the manifest."""

    @property
    def licence(self) -> str:
        """Under which terms a network trained on the data may be used."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def evenly_spaced(count: int, wanted: int | None = None) -> list[int]:
    """Return up to ``wanted`` of the indices below ``count``, or all; each at most once."""
    chosen = np.linspace(0, count - 1, min(wanted or count, count)).round()
    return [int(index) for index in chosen]
