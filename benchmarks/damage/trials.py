# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One trial: a camera that knows its usual, a moment clean, the same damaged; what is told."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from benchmarks.damage.streams import frame_of, Pair, pan, RATE_HZ
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation.faults import FaultSpec
from mm_robust_seg.stages.health.damage import DamageWatch

_STEP_NS = 1_000_000_000 // RATE_HZ
_LEARNED, _LEARNED_PICTURES = 40, 10
_BEFORE, _WITHIN = 8, 9
"""Pictures; three more messages of a camera at 30 Hz confirm what the ninth tells, within 1 s."""


@dataclass(frozen=True)
class Told:
    """What was said of the damaged sensor.

    Attributes:
        reasons: within a second; empty if nothing.
        is_out: whether it was taken out of use.
        share, strength: of the last finding; 0 without one.
        is_false: whether something was said of any sensor before the damage, or of another one.
    """

    reasons: tuple[Reason, ...]
    is_out: bool
    share: float
    strength: float
    is_false: bool


class Cameras:
    """RGB and thermal in front of the watch, with a clock of their own."""

    def __init__(self, config: Config, sensors: Sequence[Modality]) -> None:
        self.watch = DamageWatch()
        self._config, self._sensors, self._now_ns = config, sensors, 10**12

    def learn(self, pairs: Sequence[Pair], rng: np.random.Generator) -> tuple[int, int]:
        """Watch other moments, a second of each; return the pictures, and those accused."""
        accused, seen = 0, 0
        order = rng.permutation(len(pairs))[:_LEARNED]
        for place in order:
            for windows in pan(pairs[place], _LEARNED_PICTURES, rng):
                accused += bool(self.show(windows))
                seen += 1
        return seen, accused

    def show(self, windows: Pair) -> dict[Modality, tuple[Reason, bool]]:
        """Show one moment; return what is said, and whether it fails the sensor."""
        self._now_ns += _STEP_NS
        said = {}
        for modality in self._sensors:
            frame = frame_of(modality, windows[modality], self._now_ns)
            self.watch.look(frame, self._config)
            finding = self.watch.finding(modality)
            if finding:
                said[modality] = (finding.reason, finding.fails)
        return said

    def tried(
        self, pair: Pair, damaged: Modality, fault: FaultSpec | None, rng: np.random.Generator
    ) -> Told:
        """Try one moment on a copy of these cameras."""
        cameras = deepcopy(self)
        windows = list(pan(pair, _BEFORE + _WITHIN, rng))
        said = [cameras.show(each) for each in windows[:_BEFORE]]
        false = any(said)
        reasons, is_out = [], False
        for each in windows[_BEFORE:]:
            shown = each
            if fault:
                degrade = KINDS[damaged].faults[str(fault)]
                shown = {**each, damaged: degrade(each[damaged], fault.values, rng)}
            for modality, (reason, fails) in cameras.show(shown).items():
                if modality is not damaged or not fault:
                    false = True
                else:
                    reasons.append(reason)
                    is_out |= fails
        damage = cameras.watch.told(damaged)
        share, strength = (damage.share, damage.strength) if damage else (0.0, 0.0)
        return Told(tuple(dict.fromkeys(reasons)), is_out, share, strength, false)
