# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The damage that is tried: each kind at several strengths, and from where it costs too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mm_robust_seg.simulation.faults import Fault, FaultSpec


class Tried(NamedTuple):
    """A kind of damage, by which number it is graded, and the values of it."""

    fault: Fault
    name: str
    values: tuple[float, ...]


TRIED = (
    Tried(Fault.COVER, 'share', (0.25, 0.5, 0.75, 1.0)),
    Tried(Fault.MUD, 'share', (0.25, 0.5, 0.75)),
    Tried(Fault.DROPLETS, 'share', (0.25, 0.5, 0.75)),
    Tried(Fault.BLUR, 'sigma_px', (1.0, 2.0, 4.0, 8.0)),
    Tried(Fault.FOG, 'density', (0.3, 0.6, 0.9)),
    Tried(Fault.GLARE, 'share', (0.1, 0.3, 0.6)),
    Tried(Fault.NOISE, 'sigma', (0.03, 0.1, 0.2)),
    Tried(Fault.BANDING, 'sigma', (0.03, 0.1, 0.2)),
    Tried(Fault.GHOST, 'strength', (0.1, 0.3, 0.6)),
)


def specs() -> Mapping[tuple[Fault, float], FaultSpec]:
    """Return every fault that is tried, by its kind and strength."""
    return {
        (tried.fault, value): FaultSpec(tried.fault, {tried.name: value})
        for tried in TRIED
        for value in tried.values
    }
