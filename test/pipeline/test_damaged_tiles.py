# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Tiles that the monitor calls damaged are invalid for a network that takes validity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import (
    Frame,
    FrameSet,
    HealthLevel,
    HealthReport,
    Job,
    Prediction,
    Reason,
    SensorHealth,
)
from mm_robust_seg.finding import Damage
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.pipeline import Pipeline

RGB = Modality.RGB


class Recorder(ScriptedEngine):
    """Keeps what it was given."""

    def infer(self, inputs: Any) -> Prediction:
        self.given = inputs
        return super().infer(inputs)


@pytest.mark.parametrize('validity', [True, False])
def test_the_damaged_half_is_invalid(tiny_bundle: Path, validity: bool) -> None:
    tiles = np.zeros((8, 8), bool)
    tiles[:, 4:] = True
    health = SensorHealth(
        RGB,
        HealthLevel.WARN,
        Reason.OBSTRUCTED,
        True,
        'half',
        0,
        damage=Damage(Reason.OBSTRUCTED, tiles, 0.5),
    )
    image = np.random.default_rng(0).integers(1, 255, (96, 128, 3), np.uint8)
    frames = FrameSet({RGB: Frame(RGB, 1, 1, image)}, RGB, 1, 1)
    engine = Recorder()
    inputs = replace(load_bundle(tiny_bundle).inputs, validity=validity)
    pipeline = Pipeline(Config(), inputs, engine, 0)
    pipeline.run(Job(frames, ModalitySet([RGB]), HealthReport(1, {RGB: health})))
    given = engine.given[RGB][0]
    assert len(given) == 3 + validity
    if validity:
        assert given[-1, :, :32].all() and not given[-1, :, 32:].any()
        assert not given[:, :, 32:].any()
    else:
        assert given[:, :, 32:].any()
