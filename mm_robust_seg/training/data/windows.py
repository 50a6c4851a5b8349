# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where a training window is cut: anywhere, or on an object."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]
Place = Callable[[Labels, int, int, np.random.Generator], tuple[int, int]]
"""Labels (H, W), rows and columns of a window in px, chance: its top left corner inside."""


def anywhere(labels: Labels, rows: int, columns: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw a corner, all with the same probability."""
    height, width = labels.shape
    return int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))


def on_objects(share: float, rarity: NDArray[np.float64]) -> Place:
    """Return what puts a share of the windows on an object, rare ones more often.

    Such a window has a random pixel of a random class somewhere in it. A sample without objects
    is cut anywhere.

    Args:
        share: of the windows.
        rarity: (classes,) weight of each class; 0 for surroundings.
    """

    def place(
        labels: Labels, rows: int, columns: int, rng: np.random.Generator
    ) -> tuple[int, int]:
        present = np.bincount(labels.ravel(), minlength=256)[: len(rarity)] > 0
        weights = np.where(present, rarity, 0.0)
        if rng.random() >= share or not weights.any():
            return anywhere(labels, rows, columns, rng)
        chosen = rng.choice(len(weights), p=weights / weights.sum())
        pixels = np.flatnonzero(labels == chosen)
        row, column = divmod(int(pixels[rng.integers(len(pixels))]), labels.shape[1])
        return (
            _covering(row, rows, labels.shape[0], rng),
            _covering(column, columns, labels.shape[1], rng),
        )

    return place


def _covering(pixel: int, length: int, whole: int, rng: np.random.Generator) -> int:
    """Draw the start of a window of ``length`` inside ``whole`` that covers ``pixel``."""
    return int(rng.integers(max(0, pixel - length + 1), min(pixel, whole - length) + 1))
