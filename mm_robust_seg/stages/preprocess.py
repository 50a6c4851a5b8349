# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Turn frames into network inputs; the same code in training and on the robot.

What is valid is decided at the image's own size: what the kind of sensor says of its values, what
the frame knows besides, and the tiles that are damaged. Invalid measured values become 0, which
is how their images say it, and are resized without mixing. Colours are averaged over the valid
pixels alone, so that none bleeds into its neighbours; such a mean counts as valid where at least
half of what it covers is, so that the channel stays 1 or 0: the network takes the shares itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modalities.kind import Float, Image, SensorKind
from mm_robust_seg.modality import Modality

Bools = NDArray[np.bool_]

_NOTHING: Mapping[Modality, Bools] = {}
_LEAST_SHARE = 0.5


def prepare(
    frames: Mapping[Modality, Frame],
    spec: InputSpec,
    damaged: Mapping[Modality, Bools] = _NOTHING,
) -> dict[Modality, Float]:
    """Return (1, C, h, w) float32 inputs, contiguous, for each frame given.

    Args:
        damaged: (rows, columns) bool of any sensors: true where a tile of the image, divided into
            so many, is covered, blinded or otherwise of no use.

    Raises:
        ValueError: if such tiles are no (rows, columns) bool, or more than pixels.
    """
    return {
        modality: network_input(modality, frame.image, spec, _known(frame, damaged.get(modality)))[
            np.newaxis
        ]
        for modality, frame in frames.items()
    }


def network_input(
    modality: Modality, image: Image, spec: InputSpec, valid: Bools | None = None
) -> Float:
    """Resize and scale one image (``dataflow.Frame.image``) to (C, h, w) float32.

    A network without validity is told of invalid values by zeros, where its kind of sensor has
    them, and of nothing in colours, which it gets as they are.

    Args:
        valid: (H, W) bool, false where pixels are known to be of no use; None: nowhere.

    Raises:
        BundleError: if the network has no input of this modality.
        ValueError: if ``valid`` has another size than the image.
    """
    kind, size = KINDS[modality], (spec.width_px, spec.height_px)
    normalization = spec[modality]
    if valid is not None and valid.shape != image.shape[:2]:
        raise ValueError(
            f'the validity of the {modality} image has shape {valid.shape}; expected '
            f'{image.shape[:2]}, that of the image'
        )
    if valid is None or bool(valid.all()) or (kind.is_color and not spec.validity):
        resized = _resize(image, size, kind.shrink)
        seen = kind.valid(resized)
    elif kind.is_color:
        resized, seen = _mean_of_valid(image, valid, size, kind.shrink)
    else:
        resized = _resize(image * valid, size, kind.shrink)
        seen = kind.valid(resized)
    return _stated(normalization.network_input(resized), seen, kind, spec.validity)


def _known(frame: Frame, tiles: Bools | None) -> Bools | None:
    """Return what is known of a frame besides its image: (H, W), or None for nothing."""
    if tiles is None or not tiles.any():
        return frame.valid
    height, width = frame.image.shape[:2]
    fits = tiles.ndim == 2 and tiles.shape[0] <= height and tiles.shape[1] <= width
    if tiles.dtype != np.bool_ or not fits:
        raise ValueError(
            f'the damaged tiles of {frame.modality} are {tiles.dtype} of shape {tiles.shape}; '
            f'expected bool (rows, columns), no more than pixels, {(height, width)}'
        )
    whole = np.asarray(_nearest(~tiles, (width, height)))
    return whole if frame.valid is None else whole & frame.valid


def _stated(out: Float, seen: Bools, kind: SensorKind, validity: bool) -> Float:
    """Add the validity to a network input, where it is wanted and not there already."""
    if not validity or kind.states_validity:
        return out
    whole = np.empty((len(out) + 1, *seen.shape), np.float32)
    np.multiply(out, seen, out=whole[:-1])
    whole[-1] = seen
    return whole


def _resize(image: Image, size: tuple[int, int], shrink: int) -> Image:
    if image.shape[1::-1] == size:
        return image
    grows = size[0] > image.shape[1]
    interpolation = cv2.INTER_LINEAR if grows and shrink == cv2.INTER_AREA else shrink
    return cv2.resize(image, size, interpolation=interpolation)  # type: ignore[return-value]


def _mean_of_valid(
    image: Image, valid: Bools, size: tuple[int, int], shrink: int
) -> tuple[Image, Bools]:
    """Resize colours by their valid pixels alone; return them and where they are valid."""
    weights = valid.astype(np.float32)
    share = np.asarray(_resize(weights, size, shrink))
    total = np.asarray(_resize(image * weights[..., np.newaxis], size, shrink))
    mean = total / np.maximum(share, np.float32(1e-6))[..., np.newaxis]
    seen = np.asarray(share >= np.float32(_LEAST_SHARE))
    return np.rint(mean).clip(0, 255).astype(np.uint8), seen


def _nearest(tiles: Bools, size: tuple[int, int]) -> Bools:
    enlarged = cv2.resize(tiles.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
    return enlarged.astype(np.bool_)
