# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Stamps from the future: out of the sets, unless there are no others."""

from __future__ import annotations

import numpy as np
import pytest

from mm_robust_seg.config import Config, DepthMonitorConfig, MonitorConfig
from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.future_stamps import FutureStamps

MS = 1_000_000
IMAGE = np.zeros((2, 2), np.float32)


def admits(
    stage: FutureStamps, now_ms: int, ahead_ms: int = 0, modality: Modality = Modality.DEPTH
) -> bool:
    frame = Frame(modality, (now_ms + ahead_ms) * MS, now_ms * MS, IMAGE)
    return stage.admits(frame, now_ms * MS)


def test_a_stamp_may_lie_ahead_by_max_future_s_of_its_sensor() -> None:
    strict = Config(monitor=MonitorConfig(depth=DepthMonitorConfig(max_future_s=0.03)))
    stage = FutureStamps(strict, 0)
    assert admits(stage, 0, 30) and not admits(stage, 1, 31)
    assert admits(stage, 2, 100, Modality.THERMAL) and not admits(stage, 3, 101, Modality.THERMAL)
    stage.reconfigure(Config())
    assert admits(stage, 4, 100) and not admits(stage, 5, 101)


@pytest.mark.parametrize('reset_ms', [0, 700])
def test_they_are_used_when_there_was_no_other_for_a_second(reset_ms: int) -> None:
    stage = FutureStamps(Config(), 0)
    stage.reset(reset_ms * MS)
    for now_ms in range(reset_ms, reset_ms + 1001, 20):
        assert not admits(stage, now_ms, 500)
    assert admits(stage, reset_ms + 1001, 500) and not stage.have_ended
    assert admits(stage, reset_ms + 1002, 9_000_000) and not stage.have_ended


def test_the_first_stamp_of_the_present_ends_them_and_says_so_once() -> None:
    stage = FutureStamps(Config(), 0)
    assert admits(stage, 1500, 500)
    assert admits(stage, 1510) and stage.have_ended
    assert not admits(stage, 1520, 500) and not stage.have_ended
    assert admits(stage, 1530) and not stage.have_ended
    assert not admits(stage, 2500, 500)


def test_a_reset_ends_them_too() -> None:
    stage = FutureStamps(Config(), 0)
    assert admits(stage, 1500, 500)
    stage.reset(1510 * MS)
    assert not admits(stage, 1520, 500)
    assert admits(stage, 1530) and not stage.have_ended
