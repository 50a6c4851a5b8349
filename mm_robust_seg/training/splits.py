"""The two splits of a recipe's data set, and a look at them before the first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.training.augment import label_counts
from mm_robust_seg.training.recipe import Recipe


def load(recipe: Recipe, split: str) -> Dataset:
    """Load ``train`` or ``val``; the simulated ones are the same for every seed of a training.

    Raises:
        ConfigError: if the folder is not given.
        DataError: if it is not what it should be, or the split is empty.
    """
    data = recipe.data
    if data.kind != 'sim' and not data.folder:
        raise ConfigError(f'{data.kind} is read from a folder: give it with --data')
    dataset = load_split(
        data.kind,
        Path(data.folder),
        split,
        classes=data.classes,
        count=data.train_count if split == 'train' else data.val_count,
        size_px=(recipe.inputs.width_px, recipe.inputs.height_px),
    )
    if len(dataset) == 0:
        raise DataError(f'the split {split} is empty: expected at least one sample')
    return dataset


def surveyed(dataset: Dataset) -> NDArray[np.int64]:
    """Look at every sample and count the pixels of each class."""
    counts = np.zeros(len(dataset.classes), np.int64)
    for index in range(len(dataset)):
        counts += label_counts(dataset[index].labels, len(counts))
    return counts
