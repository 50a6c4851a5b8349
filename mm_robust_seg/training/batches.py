"""Batches that are a pure function of (seed, epoch, index), so a resumed run repeats itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.training.augment import augmented, plain, Tensors
from mm_robust_seg.training.recipe import Recipe

Batch = tuple[dict[Modality, Tensor], Tensor]


class _Epoch(TorchDataset[Tensors]):
    def __init__(self, dataset: Dataset, recipe: Recipe, epoch: int) -> None:
        self.dataset, self.recipe, self.epoch = dataset, recipe, epoch
        self.order = np.random.default_rng((recipe.seed, epoch)).permutation(len(dataset))

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, position: int) -> Tensors:
        index = int(self.order[position])
        recipe = self.recipe
        return augmented(
            self.dataset[index],
            recipe.input_spec,
            (recipe.crop_height_px, recipe.crop_width_px),
            (recipe.zoom_min, recipe.zoom_max),
            np.random.default_rng((recipe.seed, self.epoch, index)),
        )


def training_batches(
    dataset: Dataset, recipe: Recipe, epoch: int, combination: ModalitySet
) -> Iterator[Batch]:
    """Yield the augmented batches of one epoch, prepared one process ahead."""
    batch_size = min(recipe.batch_size, len(dataset))
    loader = DataLoader(
        _Epoch(dataset, recipe, epoch),
        batch_size,
        num_workers=1,
        drop_last=True,
        collate_fn=_collate,
    )
    for images, labels in loader:
        yield {m: images[m] for m in combination}, labels


def validation_batch(dataset: Dataset, recipe: Recipe, index: int) -> Batch:
    """Return one sample at the network's input size, as a batch of one."""
    return _collate([plain(dataset[index], recipe.input_spec)])


def _collate(samples: list[Tensors]) -> Batch:
    images = {
        m: torch.from_numpy(np.stack([inputs[m] for inputs, _ in samples])) for m in samples[0][0]
    }
    return images, torch.from_numpy(np.stack([labels for _, labels in samples]))
