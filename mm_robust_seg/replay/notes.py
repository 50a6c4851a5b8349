# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a person should know about the masks of a replay, from its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mm_robust_seg.config import Config
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import ModalitySet


def unused(figures: Mapping[str, Any], config: Config, usable: ModalitySet) -> list[str]:
    """Name sensors that could be used, but took part in no mask, though none is forced.

    Args:
        figures: of ``observation.score``.
        usable: sensors that the monitor found usable at some time.
    """
    used = ModalitySet(m for name in figures['combinations'] for m in ModalitySet.parse(name))
    if config.policy.force_set or not figures['masks']:
        return []
    return [
        f'{modality} was usable, but took part in none of the {figures["masks"]} masks'
        for modality in (usable & config.inputs.enabled) - used
    ]


def unlabeled(figures: Mapping[str, Any]) -> DataError | None:
    """Return the error of a replay without one labelled mask; None if there is one."""
    masks, without = figures['masks'], figures['unlabeled_masks']
    if masks > without:
        return None
    found = f'none of the {masks} masks is labelled' if masks else 'no mask was made'
    states = {row['sensor']: row for row in figures['sensor_states']}
    said = '; '.join(f'{name}: {row["reason"]}, {row["detail"]}' for name, row in states.items())
    return DataError(f'{found}, since no sensor could be used: {said or "no image came"}')
