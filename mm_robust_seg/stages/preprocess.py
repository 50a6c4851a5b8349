"""Turn frames into network inputs; the same code in training and on the robot."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modalities.kind import Float, Image
from mm_robust_seg.modality import Modality


def prepare(frames: Mapping[Modality, Frame], spec: InputSpec) -> dict[Modality, Float]:
    """Return (1, C, h, w) float32 inputs, contiguous, for each frame given."""
    return {
        modality: network_input(modality, frame.image, spec)[np.newaxis]
        for modality, frame in frames.items()
    }


def network_input(modality: Modality, image: Image, spec: InputSpec) -> Float:
    """Resize and scale one image (``dataflow.Frame.image``) to (C, h, w) float32.

    Raises:
        BundleError: if the network has no input of this modality.
    """
    size = (spec.width_px, spec.height_px)
    return spec[modality].network_input(_resize(image, size, KINDS[modality].shrink))


def _resize(image: Image, size: tuple[int, int], shrink: int) -> Image:
    if image.shape[1::-1] == size:
        return image
    grows = size[0] > image.shape[1]
    interpolation = cv2.INTER_LINEAR if grows and shrink == cv2.INTER_AREA else shrink
    return cv2.resize(image, size, interpolation=interpolation)  # type: ignore[return-value]
