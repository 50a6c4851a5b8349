# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Batches that are a pure function of (seed, epoch, index), so a resumed run repeats itself."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality
from mm_robust_seg.signals import signals_left_to_parent
from mm_robust_seg.training.data.augment import augmented, plain, Tensors
from mm_robust_seg.training.data.copy_paste import pasted
from mm_robust_seg.training.data.objects import Objects
from mm_robust_seg.training.data.regions import without_regions
from mm_robust_seg.training.data.windows import anywhere, on_objects, Place
from mm_robust_seg.training.loop.process_group import ProcessGroup
from mm_robust_seg.training.recipe import Recipe

Batch = tuple[dict[Modality, Tensor], Tensor]


class _Augmented(TorchDataset[Tensors]):
    def __init__(
        self, dataset: Dataset, recipe: Recipe, epoch: int, objects: Objects | None
    ) -> None:
        self.dataset, self.recipe, self.epoch, self.objects = dataset, recipe, epoch, objects

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Tensors:
        recipe, objects = self.recipe, self.objects
        rng = np.random.default_rng((recipe.seed, self.epoch, index))
        sample = self.dataset[index]
        place: Place = anywhere
        if objects:
            sample = pasted(sample, self.dataset, objects, recipe.objects, rng)
            place = on_objects(recipe.objects.crops, objects.rarity)
        inputs, labels = augmented(
            sample,
            recipe.input_spec,
            (recipe.crop_height_px, recipe.crop_width_px),
            (recipe.zoom_min, recipe.zoom_max),
            rng,
            place,
        )
        return without_regions(inputs, recipe.regions, rng), labels


def batch_count(dataset: Dataset, recipe: Recipe) -> int:
    """Count the batches of an epoch; samples that do not fill a batch wait for another epoch."""
    return len(dataset) // _batch_size(dataset, recipe)


def training_batches(
    dataset: Dataset,
    recipe: Recipe,
    epoch: int,
    group: ProcessGroup | None = None,
    objects: Objects | None = None,
) -> Iterator[Batch]:
    """Yield the augmented batches of one epoch: of each, the part that is this process's.

    OpenCV's threads are ended first: they do not survive the fork into a worker, which would wait
    for them for ever.
    """
    cv2.setNumThreads(1)
    group = group or ProcessGroup()
    size = _batch_size(dataset, recipe)
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(dataset)).tolist()
    starts = range(0, batch_count(dataset, recipe) * size, size)
    loader = DataLoader(
        _Augmented(dataset, recipe, epoch, objects),
        batch_sampler=[order[start : start + size][group.rank :: group.size] for start in starts],
        num_workers=recipe.workers,
        collate_fn=_collate,
    )
    with signals_left_to_parent():
        return iter(loader)


def validation_batch(dataset: Dataset, spec: InputSpec, index: int) -> Batch:
    """Return one sample at the network's input size, as a batch of one."""
    return _collate([plain(dataset[index], spec)])


def _batch_size(dataset: Dataset, recipe: Recipe) -> int:
    return min(recipe.batch_size, len(dataset))


def _collate(samples: list[Tensors]) -> Batch:
    images = {
        m: torch.from_numpy(np.stack([inputs[m] for inputs, _ in samples])) for m in samples[0][0]
    }
    return images, torch.from_numpy(np.stack([labels for _, labels in samples]))
