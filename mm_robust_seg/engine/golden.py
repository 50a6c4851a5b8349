# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Known answers: what the graph of every combination makes of one fixed input.

A runtime, driver or plan that computes something else is only found by comparing. The inputs are
a formula, the same on every machine; the label maps are in the bundle, made by ONNX Runtime on
the CPU. Where two labels are nearly as likely, or meet, the map says ``UNLABELED``: there, correct
runtimes of different arithmetic differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.dataflow import Prediction, UNLABELED
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality, ModalitySet

_SIGNATURE = b'\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR'
_SIZE = struct.Struct('>II')
"""Width and height, which follow."""
_INVALID_BELOW = -0.7
_SURE = 100
"""Least confidence, of 255, of a pixel that is compared."""
_MARGIN_PX = 2
"""Pixels nearer than this to another label are not compared."""
_LEAST_AGREEMENT: Mapping[str, float] = {'f32': 0.99, 'fp16': 0.99, 'bf16': 0.98, 'int8': 0.95}
"""Share of the compared pixels on which an engine of this arithmetic must agree."""


def golden_inputs(
    spec: InputSpec, combination: ModalitySet
) -> dict[Modality, NDArray[np.float32]]:
    """Return smooth (1, C, h, w) float32 images: rings and a grid, shifted in each channel.

    The values are those of normalised images, about -1.5 to 1.5, and give several labels. Where
    inputs have a validity, it is 1, or 0 in the valleys of its waves.
    """
    y = (np.arange(spec.height_px) + 0.5)[:, np.newaxis] / spec.height_px
    x = (np.arange(spec.width_px) + 0.5) / spec.width_px
    radius, inputs = np.hypot(x - 0.4, y - 0.55), {}
    for number, modality in enumerate(Modality):
        if modality in combination:
            count = spec.channels(modality)
            phases = 1.3 * number + 2.1 * np.arange(count)[:, np.newaxis, np.newaxis]
            rings = np.sin(6 * np.pi * radius + phases) * (1 - 0.5 * y)
            grid = 0.5 * np.sin(10 * np.pi * x + phases) * np.sin(8 * np.pi * y)
            image = (rings + grid).astype(np.float32)
            if spec.validity:
                image[-1] = image[-1] > _INVALID_BELOW
                image *= image[-1]
            inputs[modality] = image[np.newaxis]
    return inputs


def golden_labels(prediction: Prediction) -> NDArray[np.uint8]:
    """Return the (h, w) label map to compare with, ``UNLABELED`` where runtimes may differ."""
    labels = prediction.labels
    kernel = np.ones((2 * _MARGIN_PX + 1,) * 2, np.uint8)
    inner = (cv2.dilate(labels, kernel) == labels) & (cv2.erode(labels, kernel) == labels)
    sure = inner & (prediction.confidence >= _SURE)
    return np.where(sure, labels, np.uint8(UNLABELED))


def check_labels(bundle: Bundle, combination: ModalitySet, prediction: Prediction) -> None:
    """Refuse labels that are no class of the bundle.

    Raises:
        EngineError: naming the largest; ``UNLABELED`` is none.
    """
    labels, count = prediction.labels, len(bundle.classes)
    largest = int(labels.max(initial=0, where=labels != UNLABELED))
    if largest >= count:
        raise EngineError(
            f'the graph of {combination} gives the label {largest}, the manifest of '
            f'{bundle.name} lists {count} classes: expected labels below {count}; export the '
            'bundle again'
        )


def check_golden(
    bundle: Bundle, combination: ModalitySet, prediction: Prediction, arithmetic: str
) -> float:
    """Compare what an engine made of ``golden_inputs`` with the label map in the bundle.

    Args:
        arithmetic: ``'f32'``, ``'fp16'``, ``'bf16'`` or ``'int8'``, whichever is the coarsest
            that the engine uses.

    Returns:
        The share of the compared pixels that are equal.

    Raises:
        EngineError: if it is too small, or the label map cannot be read.
    """
    path = bundle.golden[combination]
    golden = _read(path, prediction.labels.shape)
    known = golden != UNLABELED
    agreement = float((golden == prediction.labels)[known].mean()) if known.any() else 1.0
    least = _LEAST_AGREEMENT[arithmetic]
    if agreement < least:
        raise EngineError(
            f'the engine labels {agreement:.1%} of the golden input of {combination} as '
            f'{path} says; expected at least {least:.0%} in {arithmetic}. It does not compute '
            'this network: build its plans again if it has some, choose another engine.backend, '
            'or update runtime and driver'
        )
    return agreement


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read a grey PNG; one of another size is refused by its header, before it is decoded."""
    again = 'write it again with "mm-robust-seg golden"'
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EngineError(f'{path} cannot be read: {error.strerror}; {again}') from error
    if not data.startswith(_SIGNATURE) or len(data) < len(_SIGNATURE) + _SIZE.size:
        raise EngineError(f'{path} is not a grey PNG: {again}')
    width_px, height_px = _SIZE.unpack_from(data, len(_SIGNATURE))
    if (height_px, width_px) != shape:
        raise EngineError(
            f'{path} has the size {(height_px, width_px)}, the engine made {shape}: {again}'
        )
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8 or image.shape != shape:
        raise EngineError(f'{path} is not a grey PNG: {again}')
    return image.astype(np.uint8, copy=False)
