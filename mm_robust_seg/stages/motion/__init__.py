# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Move held images with the scene: from the moment they were taken to the moment of the mask.

A slower or later sensor takes part with a frame of up to some hundred milliseconds ago. Where the
scene has gone since is seen by another sensor that has pictures of both moments: the dense optical
flow between them says for every pixel where its content was. Both must share one pixel grid.
"""

from mm_robust_seg.stages.motion.flow import Flow
from mm_robust_seg.stages.motion.scene_motion import SceneMotion
from mm_robust_seg.stages.motion.warp import warp

__all__ = ['Flow', 'SceneMotion', 'warp']
