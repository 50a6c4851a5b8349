# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Judge the sensors: which may be used now, and if not, why."""

from mm_robust_seg.stages.health.monitor import HealthMonitor

__all__ = ['HealthMonitor']
