"""A procedural street and an RGB-thermal-depth rig with exact labels."""

from mm_robust_seg.simulation.classes import CLASS_COLOURS, CLASS_NAMES, colourise, SceneClass
from mm_robust_seg.simulation.drive import sample_captures
from mm_robust_seg.simulation.rig import Capture, Rig
from mm_robust_seg.simulation.world.conditions import Conditions
from mm_robust_seg.simulation.world.world import World

__all__ = [
    'Capture',
    'CLASS_COLOURS',
    'CLASS_NAMES',
    'colourise',
    'Conditions',
    'Rig',
    'sample_captures',
    'SceneClass',
    'World',
]
