# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Image messages in, frames in the package's units out."""

from mm_robust_seg.stages.sensors.decoding import decode

__all__ = ['decode']
