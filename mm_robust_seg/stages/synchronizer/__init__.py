# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from mm_robust_seg.stages.synchronizer.synchronizer import Synchronizer

__all__ = ['Synchronizer']
