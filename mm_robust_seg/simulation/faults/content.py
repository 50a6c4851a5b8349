# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How an image looks under the faults of its content. Sensor noise stays, as on a real camera."""

from __future__ import annotations

import numpy as np

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.simulation.faults.pixels import Pixels, pixels_of, raw_image
from mm_robust_seg.simulation.faults.spec import FaultSpec
from mm_robust_seg.simulation.faults.vocabulary import Fault

_COLOURS = 3


def degraded(image: RawImage, fault: FaultSpec, rng: np.random.Generator) -> RawImage:
    """Return the image as the camera sends it with a fault that rewrites pixels.

    A malformed one stays as it is.

    Raises:
        DataError: if the encoding is not one whose pixels can be changed.
        ConfigError: if such a sensor cannot have the fault.
    """
    pixels = pixels_of(image)
    if pixels is None:
        return image
    if fault.kind is Fault.WRONG_ENCODING:
        return _of_another_kind(image, pixels)
    if fault.kind is Fault.WRONG_SIZE:
        return raw_image(image, pixels[::2, ::2])
    degrade = KINDS[image.modality].faults.get(fault.kind.value)
    if degrade is None:
        raise ConfigError(
            f'{image.modality} cannot have the fault {fault}: expected one of '
            f'{", ".join(KINDS[image.modality].faults)}, or one that any sensor can have'
        )
    colours = pixels[..., :_COLOURS]
    colours[:] = degrade(colours, fault.values, rng)
    return raw_image(image, pixels)


def _of_another_kind(image: RawImage, pixels: Pixels) -> RawImage:
    """Return a grey 16-bit image in place of colours, and colours in place of the others."""
    if KINDS[image.modality].is_color:
        return raw_image(image, pixels[..., 0].astype(np.uint16), '16UC1')
    return raw_image(image, np.repeat(pixels.astype(np.uint8), _COLOURS + 1, axis=2), 'rgba8')
