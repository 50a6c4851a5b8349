# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A procedural street and an RGB-thermal-depth rig with exact labels."""

from mm_robust_seg.simulation.cameras import Capture, MODALITIES, SimulatedCameras
from mm_robust_seg.simulation.classes import CLASS_COLORS, CLASS_NAMES, SceneClass
from mm_robust_seg.simulation.drive import sample_captures
from mm_robust_seg.simulation.world.conditions import Conditions
from mm_robust_seg.simulation.world.world import World

__all__ = [
    'Capture',
    'CLASS_COLORS',
    'CLASS_NAMES',
    'Conditions',
    'MODALITIES',
    'sample_captures',
    'SceneClass',
    'SimulatedCameras',
    'World',
]
