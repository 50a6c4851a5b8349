# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""See damage: a part of the image that is hidden, soft, noisy, white or does not move."""

from mm_robust_seg.stages.health.damage.watch import DamageWatch

__all__ = ['DamageWatch']
