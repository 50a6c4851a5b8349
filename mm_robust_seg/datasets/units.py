"""From stored integers to kelvin and metres, with the robot's formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.datasets.samples import Image
from mm_robust_seg.modality import Modality


@dataclass(frozen=True)
class Units:
    """Meaning of stored integers; images of floating point are in kelvin and metres already.

    Attributes:
        thermal_scale_k, thermal_offset_k: kelvin = scale x stored + offset, as a robot computes
            it from ``inputs.thermal.scale_k`` and ``inputs.thermal.offset_k``.
        depth_scale_m: metres = scale x stored; 0 means no return.
    """

    thermal_scale_k: float = 0.01
    thermal_offset_k: float = 0.0
    depth_scale_m: float = 0.001

    def image(self, modality: Modality, stored: NDArray[Any]) -> Image:
        """Return RGB as it is, thermal in kelvin, depth in metres; float32, 0 where invalid."""
        if modality is Modality.RGB:
            return stored
        image: NDArray[np.float32] = stored.astype(np.float32)
        if stored.dtype.kind == 'u' and modality is Modality.THERMAL:
            image *= np.float32(self.thermal_scale_k)
            image += np.float32(self.thermal_offset_k)
        elif stored.dtype.kind == 'u':
            image *= np.float32(self.depth_scale_m)
        image[~(np.isfinite(image) & (image > 0))] = 0
        return image


PSEUDO_KELVIN = Units(thermal_scale_k=0.16, thermal_offset_k=280.0)
"""For 8-bit thermal images whose contrast the camera set, which have no temperature.

0..255 become 280..320.8 K, so that a network of absolute temperatures has sensible input. A robot
with such a camera sets ``inputs.thermal.scale_k: 0.16`` and ``inputs.thermal.offset_k: 280.0``.
"""

PSEUDO_KELVIN_NOTE = '8 bit without unit, taken as 0.16 K x value + 280 K'
