# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Inputs that a benchmark damages on purpose, after normalisation.

RMM and NM of Liao et al. (2025), arXiv 2503.18445, as their scripts have them. All numbers are in
units of the normalised network input (``stages.preprocess``), so one level means the same for
every sensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modality import all_combinations, Modality, ModalitySet

Inputs = Mapping[Modality, NDArray[np.float32]]
"""(1, C, h, w) float32 per modality."""

MISSING_RATES = (0.25, 0.5, 0.75)
NOISE_LEVELS = ((0.05, 0.1), (0.1, 0.2), (0.2, 0.5))
"""(share of salt and pepper, Gaussian standard deviation): weak, medium and strong."""


@dataclass(frozen=True)
class RandomMissing:
    """RMM: every element of the damaged modalities becomes 0 with probability ``rate``."""

    damaged: ModalitySet
    rate: float

    def __call__(self, inputs: Inputs, rng: np.random.Generator) -> Inputs:
        """Return damaged copies; undamaged modalities are passed on."""
        return {
            modality: array * (rng.random(array.shape, np.float32) >= self.rate)
            if modality in self.damaged
            else array
            for modality, array in inputs.items()
        }


@dataclass(frozen=True)
class Noise:
    """NM: salt and pepper on elements of all modalities, then Gaussian noise on every element.

    A salted element takes the largest value of the undamaged image in any channel, a peppered one
    the smallest; both are equally likely, and each element is drawn for itself.
    """

    salt_pepper: float
    sigma: float

    def __call__(self, inputs: Inputs, rng: np.random.Generator) -> Inputs:
        """Return damaged copies."""
        return {modality: self._noisy(array, rng) for modality, array in inputs.items()}

    def _noisy(self, array: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        noisy: NDArray[np.float32] = array.copy()
        draw = rng.random(array.shape, np.float32)
        noisy[draw < self.salt_pepper / 2] = array.max()
        noisy[draw >= 1 - self.salt_pepper / 2] = array.min()
        gaussian = rng.standard_normal(array.shape, np.float32)
        gaussian *= np.float32(self.sigma)
        noisy += gaussian
        return noisy


Damage = RandomMissing | Noise


def damaged_values(
    damage: Damage, inputs: Inputs, rng: np.random.Generator, validity: bool
) -> Inputs:
    """Return damaged inputs of which nobody tells the network: their validity is as it was.

    Args:
        validity: whether the inputs have one, their last channel.
    """
    if not validity:
        return damage(inputs, rng)
    spoilt = damage({m: image[:, :-1] for m, image in inputs.items()}, rng)
    valid = {m: image[:, -1:] for m, image in inputs.items()}
    return {m: np.concatenate([x * valid[m], valid[m]], axis=1) for m, x in spoilt.items()}


def benchmark_damages(complete: ModalitySet) -> tuple[Damage, ...]:
    """List the damages of the benchmark; RMM leaves at least one modality as it is."""
    hit = [damaged for damaged in all_combinations(complete) if damaged != complete]
    missing = [RandomMissing(damaged, rate) for rate in MISSING_RATES for damaged in hit]
    return (*missing, *(Noise(*level) for level in NOISE_LEVELS))
