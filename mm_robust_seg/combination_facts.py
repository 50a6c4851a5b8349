# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a manifest may tell of combinations and sensors besides their files; all of it optional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
import re
from typing import Any

from mm_robust_seg.errors import BundleError
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.schema import shown

_SIDES_PX = (32, 4096)
_DAMAGE = re.compile(r'[a-z][a-z0-9_]{0,31}')


@dataclass(frozen=True)
class CombinationFacts:
    """What was found out about one combination; None where nothing was.

    Attributes:
        size_px: (height, width) that its graph takes, where it is not that of ``inputs``.
        temperature: of the softmax that its confidence comes from.
        miou: to be expected of it, 0 to 1.
    """

    size_px: tuple[int, int] | None = None
    temperature: float | None = None
    miou: float | None = None

    @classmethod
    def parse(cls, combination: ModalitySet, entry: Mapping[str, Any]) -> CombinationFacts:
        """Read ``height_px`` and ``width_px``, ``temperature`` and ``miou`` of a manifest's entry.

        Raises:
            BundleError: if one is of another type or out of range, or only one side is given.
        """
        sides = [entry.get(name) for name in ('height_px', 'width_px')]
        low, high = _SIDES_PX
        if sides != [None, None] and not all(
            type(side) is int and low <= side <= high for side in sides
        ):
            raise BundleError(
                f'the size of {combination} is {shown(sides)}: expected height_px and width_px, '
                f'each {low} to {high}'
            )
        size_px = None if sides == [None, None] else (int(sides[0] or 0), int(sides[1] or 0))
        temperature = _number(entry, 'temperature', str(combination), 0.01, 100.0)
        return cls(size_px, temperature, _number(entry, 'miou', str(combination), 0.0, 1.0))


def parse_break_even(tables: Any, known: ModalitySet) -> dict[Modality, dict[str, float]]:
    """Read from which share of its image on a damaged sensor costs more than it gives.

    Args:
        tables: ``{sensor: {kind of damage: share}}`` of a manifest.
        known: the sensors of the bundle.

    Raises:
        BundleError: if a sensor is not the bundle's, a kind is no word of ``a-z0-9_``, or a share
            is not 0 to 1.
    """
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise BundleError(
            f'break_even is {shown(tables)}: expected {{sensor: {{kind of damage: share}}}}'
        )
    names = {str(m): m for m in known}
    found: dict[Modality, dict[str, float]] = {}
    for name, table in tables.items():
        if name not in names:
            raise BundleError(f'break_even is of {shown(name)}: expected {", ".join(names)}')
        for kind in table:
            if not isinstance(kind, str) or not _DAMAGE.fullmatch(kind):
                raise BundleError(
                    f'break_even of {name} is of {shown(kind)}: expected a kind of damage, such '
                    'as cover'
                )
        shares = {k: _number(table, k, f'break_even of {name}', 0.0, 1.0) for k in table}
        found[names[name]] = {k: share for k, share in shares.items() if share is not None}
    return found


def _number(entry: Mapping[str, Any], name: str, of: str, low: float, high: float) -> float | None:
    value = entry.get(name)
    if value is None:
        return None
    fits = type(value) in (int, float) and math.isfinite(value) and low <= value <= high
    if not fits:
        raise BundleError(f'{name} of {of} is {shown(value)}: expected {low:g} to {high:g}')
    return float(value)
