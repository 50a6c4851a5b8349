# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a network makes of a few validation samples, for the eye."""

from __future__ import annotations

from torch import nn

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.report.contact_sheet import contact_sheet, sample_panels
from mm_robust_seg.report.views import Rgb
from mm_robust_seg.training.data.batches import validation_batch
from mm_robust_seg.training.data.scores import predicted

WIDTH_PX = 220


def samples_picture(
    network: nn.Module, combination: ModalitySet, dataset: Dataset, spec: InputSpec, count: int = 4
) -> Rgb:
    """Return (H, W, 3): a row per sample of its inputs, the prediction and the truth."""
    panels = []
    for index in range(min(count, len(dataset))):
        sample = dataset[index]
        images, _ = validation_batch(dataset, spec, index)
        given = {m: images[m] for m in combination}
        guess = predicted(network, given, sample.labels.shape, spec.validity)
        maps = {'prediction': guess, f'truth of {sample.name}': sample.labels}
        seen = {m: sample.images[m] for m in combination}
        panels += sample_panels(seen, maps, dataset.classes, WIDTH_PX)
    return contact_sheet(panels, len(combination) + 2)
