import numpy as np
import pytest

from mm_robust_seg.config import MonitorConfig
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.simulation.faults import Fault, FaultInjector

MONITOR = MonitorConfig()


def images(modality, count=4):
    rng = np.random.default_rng(5)
    shape, dtype = ((24, 32, 3), np.uint8) if modality is Modality.RGB else ((24, 32), np.uint16)
    return [rng.integers(1, 250, shape).astype(dtype) for _ in range(count)]


@pytest.mark.parametrize('modality', Modality)
def test_without_a_fault_images_pass_unchanged(modality):
    injector = FaultInjector(modality, seed=1)
    for image in images(modality):
        assert injector.apply(image, None) is image


@pytest.mark.parametrize('modality', Modality)
def test_silent_sends_nothing_and_frozen_repeats_what_was_sent_last(modality):
    injector = FaultInjector(modality, seed=1)
    first, second, third, fourth = images(modality)
    assert injector.apply(first, None) is first
    assert injector.apply(second, Fault.SILENT) is None
    assert injector.apply(third, Fault.FROZEN) is first
    assert injector.apply(fourth, Fault.FROZEN) is first
    assert injector.apply(fourth, None) is fourth


def test_a_camera_that_starts_frozen_repeats_its_first_image():
    injector = FaultInjector(Modality.DEPTH, seed=1)
    first, second, *_ = images(Modality.DEPTH)
    assert injector.apply(first, Fault.FROZEN) is first
    assert injector.apply(second, Fault.FROZEN) is first


@pytest.mark.parametrize('fault', [Fault.DARK, Fault.FLAT, Fault.NO_RETURN])
def test_content_faults_keep_format_and_noise(fault):
    for modality in fault.applies_to:
        injector = FaultInjector(modality, seed=1)
        sent = [injector.apply(image, fault) for image in images(modality)]
        original = images(modality)[0]
        assert {(i.shape, i.dtype) for i in sent} == {(original.shape, original.dtype)}
        assert len({i.tobytes() for i in sent}) == len(sent)


def test_content_faults_are_beyond_the_monitors_limits():
    rgb = images(Modality.RGB)[0]
    depth = images(Modality.DEPTH)[0]
    dark = FaultInjector(Modality.RGB, 1).apply(rgb, Fault.DARK)
    assert 0 < dark.mean() < MONITOR.rgb.dark_mean / 2
    flat = FaultInjector(Modality.RGB, 1).apply(rgb, Fault.FLAT)
    assert flat.std() < MONITOR.rgb.flat_std and flat.mean() > 100
    cold = FaultInjector(Modality.THERMAL, 1).apply(depth, Fault.FLAT) * 0.01
    assert cold.std() < MONITOR.thermal.flat_std_k and 280 < cold.mean() < 300
    empty = FaultInjector(Modality.DEPTH, 1).apply(depth, Fault.NO_RETURN)
    assert 0 < (empty > 0).mean() < MONITOR.depth.min_valid_ratio


def test_faults_are_the_same_for_the_same_seed():
    rgb = images(Modality.RGB)[0]
    first, again, other = (
        FaultInjector(Modality.RGB, seed).apply(rgb, Fault.DARK) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_every_sensor_can_fall_silent_or_freeze():
    assert Fault.SILENT.applies_to == Fault.FROZEN.applies_to == COMPLETE
