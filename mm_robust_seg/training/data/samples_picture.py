"""What a network makes of a few validation samples, for the eye."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.datasets.samples import Dataset, Image
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.training.data.batches import validation_batch
from mm_robust_seg.training.data.scores import predicted
from mm_robust_seg.training.recipe import Recipe

Picture = NDArray[np.uint8]
_HEIGHT_PX = 160


def samples_picture(
    network: nn.Module, combination: ModalitySet, dataset: Dataset, recipe: Recipe, count: int = 4
) -> Picture:
    """Return (H, W, 3): a row per sample of its inputs, the prediction and the truth."""
    rows = []
    for index in range(min(count, len(dataset))):
        sample = dataset[index]
        images, _ = validation_batch(dataset, recipe, index)
        given = {m: images[m] for m in combination}
        guess = predicted(network, given, sample.labels.shape)
        shown = [_visible(sample.images[m]) for m in combination]
        masks = [_coloured(labels, dataset.classes) for labels in (guess, sample.labels)]
        rows.append(np.hstack([_small(picture) for picture in (*shown, *masks)]))
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])


def _visible(image: Image) -> Picture:
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    low, high = np.percentile(image, (2, 98))
    grey = np.clip((image - low) / max(float(high - low), 1e-6), 0, 1) * 255
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def _coloured(labels: Picture, classes: tuple[SegmentationClass, ...]) -> Picture:
    table = np.zeros((UNLABELED + 1, 3), np.uint8)
    table[: len(classes)] = [c.color for c in classes]
    return table[labels]


def _small(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    size = (round(width * _HEIGHT_PX / height), _HEIGHT_PX)
    return cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]
