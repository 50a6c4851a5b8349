# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What networks make of a split, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
import torch
from torch import nn, Tensor

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.segmenter import labelled
from mm_robust_seg.network.validity import of_image
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.stages.mask import nearest
from mm_robust_seg.training.data.batches import validation_batch

Run = tuple[nn.Module, ModalitySet]
"""A network, and the modalities that it is given."""


def confusion_of(
    runs: Iterable[Run],
    dataset: Dataset,
    spec: InputSpec,
    indices: Sequence[int] | None = None,
    advance: Callable[[], object] = lambda: None,
) -> dict[Run, ConfusionMatrix]:
    """Count what each network makes of its modalities, in float32, at the labels' own size.

    The label map is made at the network's input size and enlarged by nearest neighbour, as on the
    robot.

    Args:
        indices: which samples to use; None means all.
        advance: called after each sample.
    """
    matrices = {run: ConfusionMatrix(len(dataset.classes)) for run in runs}
    for index in range(len(dataset)) if indices is None else indices:
        images, _ = validation_batch(dataset, spec, index)
        truth = dataset[index].labels
        for (network, modalities), matrix in matrices.items():
            given = {m: images[m] for m in modalities}
            matrix.add(predicted(network, given, truth.shape, spec.validity), truth)
        advance()
    return matrices


def predicted(
    network: nn.Module,
    images: Mapping[Modality, Tensor],
    shape: tuple[int, ...],
    validity: bool = False,
) -> NDArray[np.uint8]:
    """Return the (H, W) = ``shape`` label map of a batch of one.

    Args:
        validity: whether the images say which pixels are valid; what none has seen is unlabeled.
    """
    device = next(network.parameters()).device
    size = next(iter(images.values())).shape[-2:]
    with torch.inference_mode():
        given = {m: image.to(device) for m, image in images.items()}
        valid = [of_image(image) for image in given.values()] if validity else None
        guess, _ = labelled(network(given).float(), size, valid)
    return nearest(guess[0].cpu().numpy(), *shape)
