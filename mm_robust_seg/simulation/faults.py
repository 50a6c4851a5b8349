"""Sensor faults, and how each looks in the images that a camera sends."""

from __future__ import annotations

import enum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet

Image: TypeAlias = npt.NDArray[Any]

_DARK_SIGMA = 1.5
_FLAT_LEVEL = {Modality.RGB: 128, Modality.THERMAL: 29315}
_SPECKLE_SHARE = 0.01
_SPECKLE_MM = 400


class Fault(enum.Enum):
    """What can go wrong with a camera; the value is its name in scenario files."""

    SILENT = 'silent'
    FROZEN = 'frozen'
    DARK = 'dark'
    FLAT = 'flat'
    NO_RETURN = 'no_return'

    def __str__(self) -> str:
        return self.value

    @property
    def applies_to(self) -> ModalitySet:
        """The sensors that can have this fault."""
        return {
            Fault.DARK: ModalitySet([Modality.RGB]),
            Fault.FLAT: ModalitySet(_FLAT_LEVEL),
            Fault.NO_RETURN: ModalitySet([Modality.DEPTH]),
        }.get(self, COMPLETE)


class FaultInjector:
    """Applies faults to one camera's stream of images (rgb8, 0.01 K or mm)."""

    def __init__(self, modality: Modality, seed: int) -> None:
        self._modality = modality
        self._generator = np.random.default_rng([seed, list(Modality).index(modality)])
        self._last: Image | None = None

    def apply(self, image: Image, fault: Fault | None) -> Image | None:
        """Return what the camera sends instead of ``image``; None if it sends nothing.

        A frozen camera repeats what it sent last, byte for byte. The other faults keep the
        sensor noise, so that no two of their images are equal.
        """
        if fault is Fault.SILENT:
            return None
        if fault is not Fault.FROZEN or self._last is None:
            self._last = self._degrade(image, fault)
        return self._last

    def _degrade(self, image: Image, fault: Fault | None) -> Image:
        degraded: Image = image
        if fault is Fault.DARK:
            degraded = np.abs(self._noise(image.shape) * _DARK_SIGMA).astype(image.dtype)
        elif fault is Fault.FLAT:
            level = _FLAT_LEVEL[self._modality]
            degraded = np.rint(level + 0.5 * self._noise(image.shape)).astype(image.dtype)
        elif fault is Fault.NO_RETURN:
            stray = self._generator.random(image.shape) < _SPECKLE_SHARE
            degraded = (stray * _SPECKLE_MM).astype(image.dtype)
        return degraded

    def _noise(self, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        return self._generator.standard_normal(shape, dtype=np.float32)
