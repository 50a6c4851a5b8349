# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import numpy as np
import pytest

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities.depth import DepthStatistics
from mm_robust_seg.modalities.rgb import RgbStatistics
from mm_robust_seg.modalities.thermal import ThermalStatistics
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.frame_statistics import measure

RGB, THERMAL, DEPTH = Modality
SHAPES = [(1, 1), (1, 5000), (480, 640), (1080, 1920)]


def frame(modality: Modality, image: np.ndarray) -> Frame:
    return Frame(modality, 0, 0, image.astype(np.uint8 if modality is RGB else np.float32))


@pytest.mark.parametrize('shape', SHAPES)
def test_rgb(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 100)
    _, statistics = measure(frame(RGB, image))
    assert statistics == pytest.approx(
        RgbStatistics(mean=100, std=0, white_ratio=0, structure=0), abs=1e-3
    )


def test_structure_is_what_noise_is_not() -> None:
    noise = np.random.default_rng(0).integers(0, 9, (480, 640, 3))
    _, covered = measure(frame(RGB, noise))
    noise[100:180, 200:280] += 40
    _, night = measure(frame(RGB, noise))
    assert isinstance(covered, RgbStatistics)
    assert isinstance(night, RgbStatistics)
    assert covered.structure < 1 < 10 < night.structure


def test_white_ratio_counts_white_pixels() -> None:
    image = np.zeros((64, 64, 3))
    image[:48] = 255
    _, statistics = measure(frame(RGB, image))
    assert isinstance(statistics, RgbStatistics)
    assert statistics.white_ratio == 0.75


@pytest.mark.parametrize('shape', SHAPES)
def test_thermal_ignores_invalid_pixels(shape: tuple[int, int]) -> None:
    image = np.full(shape, 300.0)
    image[:, ::2] = 0 if shape[1] > 1 else 300
    _, statistics = measure(frame(THERMAL, image))
    assert isinstance(statistics, ThermalStatistics)
    assert statistics.median_k in (300, 0)
    assert statistics.std_k == pytest.approx(0, abs=1e-3)


def test_thermal_without_a_valid_pixel() -> None:
    _, statistics = measure(frame(THERMAL, np.zeros((9, 9))))
    assert statistics == ThermalStatistics(0, median_k=0, std_k=0, cold_k=0, hot_k=0)


def test_a_small_contrast_at_room_temperature_is_measured() -> None:
    image = 300 + np.random.default_rng(0).normal(0, 0.05, (480, 640))
    _, statistics = measure(frame(THERMAL, image))
    assert isinstance(statistics, ThermalStatistics)
    assert statistics.std_k == pytest.approx(0.05, rel=0.05)


def test_depth_counts_returns() -> None:
    image = np.zeros((64, 64))
    image[:16] = 3
    assert measure(frame(DEPTH, image))[1] == DepthStatistics(valid_ratio=0.25)


@pytest.mark.parametrize('modality', list(Modality))
def test_equal_images_have_equal_digests_and_noise_changes_them(modality: Modality) -> None:
    random = np.random.default_rng(0)
    shape = (480, 640, 3) if modality is RGB else (480, 640)
    image = random.integers(1, 200, shape)
    first, again = measure(frame(modality, image))[0], measure(frame(modality, image.copy()))[0]
    noisy, _ = measure(frame(modality, image + random.integers(0, 2, shape)))
    assert first == again != noisy
