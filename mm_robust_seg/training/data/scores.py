"""mIoU of networks on a validation split."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.training.data.batches import validation_batch
from mm_robust_seg.training.recipe import Recipe

Scores = dict[str, dict[str, float]]


def scores_of(
    networks: Mapping[ModalitySet, nn.Module],
    dataset: Dataset,
    recipe: Recipe,
    advance: Callable[[], None],
) -> Scores:
    """Measure mIoU at the labels' own size, in float32.

    The label map is made at the network's input size and enlarged to the labels' size by nearest
    neighbour, as on the robot. Classes absent from truth and prediction are left out of the mean.

    Returns:
        ``{combination: {'unadapted': mIoU, 'adapted': mIoU}}``: of the complete-input network on
        that combination, where it can be run on it, and of the combination's own network.
    """
    complete = networks[max(networks, key=len)]
    matrices = {
        (combination, network): ConfusionMatrix(len(dataset.classes))
        for combination, own in networks.items()
        for network in {own, *([complete] if isinstance(complete, Segmenter) else [])}
    }
    for index in range(len(dataset)):
        images, _ = validation_batch(dataset, recipe, index)
        truth = dataset[index].labels
        for (combination, network), matrix in matrices.items():
            given = {m: images[m] for m in combination}
            matrix.add(predicted(network, given, truth.shape), truth)
        advance()
    mious = {key: matrix.miou() for key, matrix in matrices.items()}
    return {
        str(combination): {
            name: mious[combination, network]
            for name, network in (('unadapted', complete), ('adapted', own))
            if (combination, network) in mious
        }
        for combination, own in networks.items()
    }


def miou_of(
    network: nn.Module, combination: ModalitySet, dataset: Dataset, recipe: Recipe
) -> float:
    """Measure the mIoU of one network."""
    matrix = ConfusionMatrix(len(dataset.classes))
    for index in range(len(dataset)):
        images, _ = validation_batch(dataset, recipe, index)
        truth = dataset[index].labels
        matrix.add(predicted(network, {m: images[m] for m in combination}, truth.shape), truth)
    return matrix.miou()


def predicted(
    network: nn.Module, images: Mapping[Modality, Tensor], shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return the (H, W) = ``shape`` label map of a batch of one."""
    device = next(network.parameters()).device
    size = next(iter(images.values())).shape[-2:]
    with torch.inference_mode():
        logits = network({m: image.to(device) for m, image in images.items()}).float()
        guess = functional.interpolate(logits, size, mode='bilinear').argmax(1)
    small = guess[0].to(torch.uint8).cpu().numpy()
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_NEAREST)
