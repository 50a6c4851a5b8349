# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the stored values of data sets mean; the robot's units, where nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, cast

from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.kind import Units
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import Spec

STATED: Mapping[str, tuple[Modality, str, Spec]] = {
    f'{modality}_{item.name}': (modality, item.name, item.metadata['spec'])
    for modality, kind in KINDS.items()
    for item in fields(cast(Any, kind.units))
    if not item.metadata['spec'].choices
}
"""The numbers that may be stated of units, such as ``thermal_scale_k``: sensor, field, meaning."""

PSEUDO_KELVIN: Mapping[str, float] = {'thermal_scale_k': 0.16, 'thermal_offset_k': 280.0}
"""For 8-bit thermal images whose contrast the camera set, which have no temperature.

0..255 become 280..320.8 K, so that a network of absolute temperatures has sensible input. A robot
with such a camera sets ``inputs.thermal.scale_k: 0.16`` and ``inputs.thermal.offset_k: 280.0``.
"""

PSEUDO_KELVIN_NOTE = '8 bit without unit, taken as 0.16 K x value + 280 K'


def units_of(stated: Mapping[str, float]) -> dict[Modality, Units]:
    """Return the units of every sensor, from what is stated by the names in ``STATED``."""
    changes: dict[Modality, dict[str, float]] = {modality: {} for modality in KINDS}
    for name, value in stated.items():
        modality, field, _ = STATED[name]
        changes[modality][field] = value
    return {modality: kind.units(**changes[modality]) for modality, kind in KINDS.items()}


def scale_name(modality: Modality) -> str | None:
    """Return how the step of a sensor's stored integers is stated; None if they have no unit."""
    of_sensor = [name for name, (of, _, _) in STATED.items() if of is modality]
    return next((name for name in of_sensor if '_scale' in name), None)
