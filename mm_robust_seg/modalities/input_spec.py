# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a network expects of its images: size, normalisation of each kind, and validity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any

from mm_robust_seg.errors import BundleError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.kind import Normalization
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import shown

_LARGEST_PX = 4096


@dataclass(frozen=True)
class InputSpec:
    """What the network expects of its images.

    Attributes:
        height_px, width_px: size of every input and of the label map.
        normalizations: of each modality that the network knows.
        validity: whether the last channel of every input says which pixels are valid, 1 or 0;
            where it is 0, so are the others.
    """

    height_px: int
    width_px: int
    normalizations: Mapping[Modality, Normalization]
    validity: bool = False

    @classmethod
    def parse(cls, numbers: Mapping[str, Any]) -> InputSpec:
        """Read the numbers of a manifest or recipe: ``height_px``, ``rgb_mean`` and so on.

        Raises:
            BundleError: if one makes no sense, or is of no modality.
            KeyError, TypeError: if one is missing, or unknown to its modality.
        """
        left = dict(numbers)
        validity = left.pop('validity', False)
        if type(validity) is not bool:
            raise BundleError(
                f'inputs.validity of the manifest is {shown(validity)}: expected true or false'
            )
        for name, value in left.items():
            _check(name, value)
        height_px, width_px = left.pop('height_px'), left.pop('width_px')
        normalizations: dict[Modality, Normalization] = {}
        for modality, kind in KINDS.items():
            prefix = f'{modality}_'
            own = {n.removeprefix(prefix): left.pop(n) for n in [*left] if n.startswith(prefix)}
            if own:
                normalizations[modality] = kind.normalization(**own)
        if left:
            raise BundleError(
                f'inputs.{next(iter(left))} of the manifest is unknown: expected numbers of '
                f'{", ".join(map(str, KINDS))}'
            )
        return cls(height_px, width_px, normalizations, validity)

    def numbers(self) -> dict[str, float]:
        """Return the numbers that :meth:`parse` reads."""
        of_kinds = {
            f'{modality}_{name}': value
            for modality, normalization in self.normalizations.items()
            for name, value in vars(normalization).items()
        }
        size = {'height_px': self.height_px, 'width_px': self.width_px}
        return {'validity': self.validity, **size, **of_kinds}

    def channels(self, modality: Modality) -> int:
        """Count the channels of an input."""
        return KINDS[modality].input_channels(self.validity)

    def __getitem__(self, modality: Modality) -> Normalization:
        """Return a normalisation, or raise BundleError: the network does not know the modality."""
        if modality not in self.normalizations:
            raise BundleError(
                f'the network has no numbers for {modality}, only for '
                f'{", ".join(map(str, self.normalizations))}: leave {modality} out, or train a '
                f'network with {modality} whose recipe states inputs.{modality}_*'
            )
        return self.normalizations[modality]


def _check(name: str, value: Any) -> None:
    """Refuse a number that makes no sense; only a mean may be 0 or negative."""
    kinds, least = ((int,), 32) if name.endswith('_px') else ((int, float), 0)
    if type(value) not in kinds or not math.isfinite(value):
        kind = 'a whole number' if least else 'a finite number'
        raise BundleError(f'inputs.{name} of the manifest is {shown(value)}: expected {kind}')
    if '_mean' not in name and (value < least or not value):
        expected = f'at least {least} px' if least else 'more than 0'
        raise BundleError(f'inputs.{name} of the manifest is {value:g}: expected {expected}')
    if least and value > _LARGEST_PX:
        raise BundleError(
            f'inputs.{name} of the manifest is {value}: expected at most {_LARGEST_PX} px'
        )
