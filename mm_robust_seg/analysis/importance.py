# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How much each modality carries: per layer by gradient times activation, per class by absence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn, Tensor

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import all_combinations, Modality, ModalitySet
from mm_robust_seg.network.adapters.placement import blocks_of
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.training.data.augment import plain
from mm_robust_seg.training.data.scores import confusion_of
from mm_robust_seg.training.objectives.base import SegmentationLoss

FusionInput = tuple[int, Modality]
"""Level, from the finest, and the modality whose features enter there."""


@dataclass(frozen=True)
class Importance:
    """What was measured.

    Attributes:
        blocks: of each block of the network on complete input, in the order of
            ``placement.blocks_of``.
        combinations: the same on each incomplete combination; 0 for what does not run.
        fusion_inputs: of what each encoder gives to each level of the fusion.
        confusion: of complete input, and of complete input without each of the modalities.
    """

    blocks: Mapping[str, float]
    combinations: Mapping[ModalitySet, Mapping[str, float]]
    fusion_inputs: Mapping[FusionInput, float]
    confusion: Mapping[ModalitySet, ConfusionMatrix]


def measured(
    segmenter: Segmenter,
    dataset: Dataset,
    indices: Sequence[int],
    spec: InputSpec,
    advance: Callable[[], None],
) -> Importance:
    """Measure on the samples at ``indices``.

    The importance of a layer is the sum over its output of ``|gradient * activation|``, the
    gradient being that of the cross-entropy on complete input, or on the combination in question,
    as the network makes it without an adapter; its mean over the samples. To first
    order it bounds the change of the loss when parts of the output are removed (Molchanov et al.,
    ICLR 2017, arXiv 1611.06440, equation 7). A sum, since a mean would favour small layers.

    Args:
        advance: called twice for each sample.

    Raises:
        ConfigError: if network and data set do not fit, or the network has one modality.
    """
    _check(segmenter, dataset)
    complete = segmenter.modalities
    blocks: dict[ModalitySet, Counter[str]] = {c: Counter() for c in all_combinations(complete)}
    fusion_inputs: Counter[FusionInput] = Counter()
    device = next(segmenter.parameters()).device
    for index in indices:
        arrays, small_labels = plain(dataset[index], spec)
        images = {m: torch.from_numpy(arrays[m])[None].to(device) for m in complete}
        labels = torch.from_numpy(small_labels)[None].to(device)
        for combination, sums in blocks.items():
            given = {m: images[m] for m in combination}
            of_blocks, of_inputs = layer_importance(segmenter, given, labels)
            sums.update(of_blocks)
            if combination == complete:
                fusion_inputs.update(of_inputs)
        advance()
    incomplete = (complete - ModalitySet([m]) for m in complete)
    runs = [(segmenter, combination) for combination in (complete, *incomplete)]
    confusion = confusion_of(runs, dataset, spec, indices, advance)
    means = {
        combination: {name: sums[name] / len(indices) for name in blocks_of(segmenter)}
        for combination, sums in blocks.items()
    }
    return Importance(
        means.pop(complete),
        means,
        {name: value / len(indices) for name, value in fusion_inputs.items()},
        {combination: matrix for (_, combination), matrix in confusion.items()},
    )


def layer_importance(
    segmenter: Segmenter, images: Mapping[Modality, Tensor], labels: Tensor
) -> tuple[dict[str, float], dict[FusionInput, float]]:
    """Return the importance of what runs of blocks and fusion inputs, for one batch.

    Args:
        images: (N, C_m, h, w) per modality.
        labels: (N, h, w) uint8, 255 ignored.
    """
    watched = {m: image.detach().requires_grad_() for m, image in images.items()}
    with _recorded(segmenter) as (blocks, inputs):
        logits = segmenter(watched)
    loss = SegmentationLoss(torch.ones(segmenter.class_count))(logits, labels)
    activations = [*blocks.values(), *inputs.values()]
    gradients = torch.autograd.grad(loss, activations)
    values = iter(
        float((gradient * activation.detach()).abs().sum())
        for gradient, activation in zip(gradients, activations, strict=True)
    )
    return {name: next(values) for name in blocks}, {name: next(values) for name in inputs}


@contextmanager
def _recorded(
    segmenter: Segmenter,
) -> Iterator[tuple[dict[str, Tensor], dict[FusionInput, Tensor]]]:
    """Collect what blocks give and what the fusion is given while the network runs."""
    blocks: dict[str, Tensor] = {}
    inputs: dict[FusionInput, Tensor] = {}

    def keep_block(name: str) -> Callable[..., None]:
        return lambda _module, _given, output: blocks.update({name: output})

    def keep_inputs(level: int) -> Callable[..., None]:
        return lambda _module, given: inputs.update({(level, m): x for m, x in given[0].items()})

    modules: dict[str, nn.Module] = {n: segmenter.get_submodule(n) for n in blocks_of(segmenter)}
    handles = [module.register_forward_hook(keep_block(n)) for n, module in modules.items()]
    for level, fusion in enumerate(segmenter.fusion):
        handles.append(fusion.register_forward_pre_hook(keep_inputs(level)))
    try:
        yield blocks, inputs
    finally:
        for handle in handles:
            handle.remove()


def _check(segmenter: Segmenter, dataset: Dataset) -> None:
    if len(segmenter.modalities) == 1:
        raise ConfigError(
            f'the network has one modality, {segmenter.modalities}: there is no other to compare '
            'it with'
        )
    if not segmenter.modalities <= dataset.modalities:
        raise ConfigError(
            f'the network segments {segmenter.modalities}, the data set has {dataset.modalities}: '
            'give the data that the network was trained on'
        )
    if segmenter.class_count != len(dataset.classes):
        raise ConfigError(
            f'the network has {segmenter.class_count} classes, the data set '
            f'{len(dataset.classes)}: give the data that the network was trained on'
        )
