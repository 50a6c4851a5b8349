# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The kinds of sensors: a file for each, and the table by which all else finds them.

A fourth kind is a member of ``modality.Modality``, a file beside these, a line in ``KINDS``, and
its sections in ``config.InputsConfig``, ``MonitorConfig`` and ``RecoveryConfig``. Nothing else
branches on the kind: what cannot serve the new one refuses it by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from mm_robust_seg.modalities.depth import DEPTH
from mm_robust_seg.modalities.kind import SensorKind
from mm_robust_seg.modalities.rgb import RGB
from mm_robust_seg.modalities.thermal import THERMAL
from mm_robust_seg.modality import Modality

KINDS: Mapping[Modality, SensorKind] = {kind.modality: kind for kind in (RGB, THERMAL, DEPTH)}
"""Every kind of sensor, in the order of ``Modality``."""

__all__ = ['KINDS', 'SensorKind']
