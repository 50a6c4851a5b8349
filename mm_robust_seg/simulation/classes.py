# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The nine classes of the simulated street and their display colours."""

from __future__ import annotations

from enum import IntEnum


class SceneClass(IntEnum):
    """Label values of the simulated label maps (uint8)."""

    GROUND = 0
    ROAD = 1
    SIDEWALK = 2
    BUILDING = 3
    VEGETATION = 4
    VEHICLE = 5
    PERSON = 6
    POLE = 7
    SKY = 8


CLASS_NAMES: tuple[str, ...] = tuple(member.name.lower() for member in SceneClass)

CLASS_COLORS: tuple[tuple[int, int, int], ...] = (
    (178, 150, 84),  # ground: sand
    (96, 72, 120),  # road: muted violet
    (232, 140, 210),  # sidewalk: pink
    (110, 110, 110),  # building: grey
    (70, 140, 50),  # vegetation: green
    (20, 60, 200),  # vehicle: blue
    (230, 40, 40),  # person: red
    (250, 225, 60),  # pole: yellow
    (130, 195, 240),  # sky: light blue
)
