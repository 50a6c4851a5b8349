# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The age on arrival that sensors of one moment share."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mm_robust_seg.modality import Modality


def common_age_s(ages_s: Mapping[Modality, float], skewed: Collection[Modality]) -> float | None:
    """Return the age that the stamps of all sensors should have; None if there is no telling.

    Of three sensors the one in the middle is right, so that the odd one is found even if it is
    the reference. Of two the first is; sensors known to be skewed are not asked.

    Args:
        ages_s: median age of each sensor, the most trusted first.
        skewed: those known to be skewed.
    """
    trusted_s = [age_s for modality, age_s in ages_s.items() if modality not in skewed]
    if len(trusted_s) > 2:
        return sorted(trusted_s)[1]
    return trusted_s[0] if trusted_s else None
