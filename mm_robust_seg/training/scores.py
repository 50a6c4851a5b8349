"""mIoU of every combination, with and without its adapter."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from rich.progress import Progress
import torch
from torch.nn import functional

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.metrics import ConfusionMatrix
from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import adapted, Adapter
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.batches import validation_batch
from mm_robust_seg.training.recipe import Recipe

Scores = dict[str, dict[str, float]]


def scores_of(
    segmenter: Segmenter,
    adapters: Mapping[ModalitySet, Adapter],
    dataset: Dataset,
    recipe: Recipe,
    progress: Progress,
) -> Scores:
    """Measure mIoU in percent at the labels' own size, in float32.

    The label map is made at the network's input size and enlarged to the labels' size by nearest
    neighbour, as on the robot. Classes absent from truth and prediction are left out of the mean.

    Returns:
        ``{combination: {'unadapted': mIoU, 'adapted': mIoU}}``; the complete combination has no
        adapter, so its two figures are one.
    """
    bar = progress.add_task('validation', total=len(dataset))
    count = len(dataset.classes)
    rows = {
        (combination, name): ConfusionMatrix(count)
        for combination in all_combinations()
        for name in ('unadapted', 'adapted')
    }
    segmenter.eval()
    for index in range(len(dataset)):
        images, labels = validation_batch(dataset, recipe, index)
        truth = dataset[index].labels
        for (combination, name), matrix in rows.items():
            if name == 'adapted' and combination not in adapters:
                continue
            adapter = adapters[combination] if name == 'adapted' else None
            with torch.inference_mode():
                logits = adapted(segmenter, adapter, {m: images[m] for m in combination})
                enlarged = functional.interpolate(logits, labels.shape[-2:], mode='bilinear')
            guess = enlarged.argmax(1)[0].numpy().astype(np.uint8)
            size = truth.shape[1::-1]
            matrix.add(cv2.resize(guess, size, interpolation=cv2.INTER_NEAREST), truth)
        progress.advance(bar)
    return {
        str(combination): {
            name: 100 * rows[combination, name if combination in adapters else 'unadapted'].miou()
            for name in ('unadapted', 'adapted')
        }
        for combination in all_combinations()
    }
