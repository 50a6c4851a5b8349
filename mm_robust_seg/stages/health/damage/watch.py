# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""All cameras, since one tells what another cannot: whether it is the scene."""

from __future__ import annotations

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame
from mm_robust_seg.finding import Damage, Finding
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.kind import Statistics
from mm_robust_seg.modalities.sections import DamageMonitorConfig
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.damage.check import finding_of
from mm_robust_seg.stages.health.damage.sensor import SensorDamage


class DamageWatch:
    """Says which part of the images of each sensor is of no use."""

    def __init__(self) -> None:
        self._sensors: dict[Modality, SensorDamage] = {}
        self._found: dict[Modality, Finding] = {}

    def look(self, frame: Frame, statistics: Statistics, config: Config) -> None:
        """Take in a frame of an enabled sensor that shows something else than the one before.

        An image that is dark, flat or white as a whole has a name already: it is no evidence of
        damage, neither while that lasts nor when it ends.
        """
        modality = frame.modality
        limits = config.monitor[modality]
        before = self._found.pop(modality, None)
        if not isinstance(limits, DamageMonitorConfig) or not limits.damage_s:
            self._sensors.pop(modality, None)
            return
        sensor = self._sensors.setdefault(modality, SensorDamage(modality))
        found = (
            check(statistics, config.inputs[modality], limits) for check in KINDS[modality].checks
        )
        if any(finding and finding.fails for finding in found):
            sensor.doubt()
            return
        others = {m: other for m, other in self._sensors.items() if m is not modality}
        sensor.look(frame, others, limits.damage_s)
        damage = finding_of(sensor.damage, limits, before)
        if damage:
            self._found[modality] = damage

    def finding(self, modality: Modality) -> Finding | None:
        """Return what is to be said of the images of a sensor."""
        return self._found.get(modality)

    def told(self, modality: Modality) -> Damage | None:
        """Return the damage, if it is worth a word."""
        return self._sensors[modality].damage if modality in self._found else None
