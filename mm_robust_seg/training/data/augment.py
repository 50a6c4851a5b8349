# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Joint augmentation: one crop and flip for all images, then what each sensor does on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.datasets.samples import Image, Sample
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.stages.preprocess import network_input
from mm_robust_seg.training.data.windows import anywhere, Place

Float = NDArray[np.float32]
Tensors = tuple[dict[Modality, Float], NDArray[np.uint8]]


def plain(sample: Sample, spec: InputSpec) -> Tensors:
    """Return network inputs and labels at the network's size, unchanged otherwise."""
    return _network_tensors(sample.images, sample.labels, spec)


def augmented(
    sample: Sample,
    spec: InputSpec,
    crop: tuple[int, int],
    zoom: tuple[float, float],
    rng: np.random.Generator,
    place: Place = anywhere,
) -> Tensors:
    """Cut a random window, flip it, vary each sensor.

    Args:
        crop: (h, w) in px of what the network is given.
        zoom: range of the magnification relative to inference.
        rng: the only source of chance.
        place: chooses where the window is.
    """
    height, width = sample.labels.shape
    scale = rng.uniform(*zoom)
    rows = min(height, round(crop[0] / spec.height_px * height / scale))
    columns = min(width, round(crop[1] / spec.width_px * width / scale))
    top, left = place(sample.labels, rows, columns, rng)
    window = (slice(top, top + rows), slice(left, left + columns))
    step = -1 if rng.random() < 0.5 else 1
    images = {m: _cut(image, window, step) for m, image in sample.images.items()}
    labels = np.ascontiguousarray(sample.labels[window][:, ::step])
    varied = {m: KINDS[m].varied(images[m], rng) for m in ModalitySet(images)}
    return _network_tensors(varied, labels, replace(spec, height_px=crop[0], width_px=crop[1]))


def _network_tensors(
    images: Mapping[Modality, Image],
    labels: NDArray[np.uint8],
    spec: InputSpec,
) -> Tensors:
    size = (spec.width_px, spec.height_px)
    inputs = {m: network_input(m, image, spec) for m, image in images.items()}
    shrunk = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    return inputs, shrunk.astype(np.uint8, copy=False)


def _cut(image: Image, window: tuple[slice, slice], step: int) -> Image:
    return np.ascontiguousarray(image[window][:, ::step])  # type: ignore[return-value]


def class_weights(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Weigh classes by 1 / sqrt(share), bounded to 1/4..4 around a mean of 1; absent ones 0."""
    share = counts / max(1, int(counts.sum()))
    weights = np.zeros(len(counts), np.float32)
    present = counts > 0
    weights[present] = 1 / np.sqrt(share[present])
    weights[present] /= np.average(weights[present], weights=np.sqrt(share[present]))
    return np.where(present, np.clip(weights, 0.25, 4.0), 0).astype(np.float32)
