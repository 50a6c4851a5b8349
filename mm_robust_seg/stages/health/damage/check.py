# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether damage is worth a word, and whether the sensor is better left out."""

from __future__ import annotations

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.finding import Damage, Finding
from mm_robust_seg.modalities.sections import DamageMonitorConfig

_WORDS = {
    Reason.OBSTRUCTED: 'hidden by something that does not move with the scene',
    Reason.GLARE: 'white',
    Reason.GHOST: 'under a pattern that does not move with the scene',
}


_LASTS = 0.6
"""Share of a limit under which damage must fall to be over."""


def finding_of(
    damage: Damage | None, limits: DamageMonitorConfig, before: Finding | None
) -> Finding | None:
    """Say what is damaged: where, how much, and from when on it fails; nothing if it is little.

    Args:
        before: what was found last.
    """
    if damage is None or damage.share < limits.damage_warn_ratio * (_LASTS if before else 1):
        return None
    evidence = {
        'damaged_ratio': damage.share,
        'damaged_tiles': float(damage.tiles.sum()),
        'strength': damage.strength,
    }
    limit = limits.damage_limits[damage.reason]
    found = damage.strength or damage.share
    if damage.reason is Reason.BLURRED:
        detail = (
            f'the image is blurred by {found:.1f} px of a width of 320, by its detail against '
            f'what it usually has; {limit:g} px fail'
        )
    elif damage.reason is Reason.NOISY:
        detail = f'noise is {found:.1%} of the range, more than usual; {limit:.1%} fails'
    else:
        detail = (
            f'{found:.0%} of the image is {_WORDS[damage.reason]}, {damage.place}; '
            f'{limit:.0%} fails'
        )
    eased = _LASTS if before and before.fails and before.reason is damage.reason else 1
    return Finding(damage.reason, detail, evidence, fails=found >= eased * limit)
