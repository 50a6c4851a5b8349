from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.bundle import CHANNELS
from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.preprocess import network_input, prepare

SPEC = InputSpec.parse(
    {
        'height_px': 48,
        'width_px': 64,
        'rgb_mean': 110.0,
        'rgb_std': 60.0,
        'thermal_mean_k': 293.0,
        'thermal_std_k': 10.0,
        'thermal_detail_k': 5.0,
        'depth_mean_m': 8.0,
        'depth_std_m': 6.0,
        'depth_near_m': 2.0,
        'depth_max_m': 20.0,
    }
)
SHAPES = [(48, 64), (96, 128), (24, 32), (33, 71), (1, 1), (480, 640)]


def image(modality, shape, seed=0):
    rng = np.random.default_rng(seed)
    if modality is Modality.RGB:
        return rng.integers(0, 256, (*shape, 3), np.uint8)
    low, high = (270, 330) if modality is Modality.THERMAL else (0.3, 20)
    return rng.uniform(low, high, shape).astype(np.float32)


@pytest.mark.parametrize('modality', list(Modality), ids=str)
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_inputs_have_the_shape_the_graphs_declare(modality, shape):
    out = network_input(modality, image(modality, shape), SPEC)
    assert out.shape == (CHANNELS[modality], 48, 64)
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    assert np.isfinite(out).all()


def test_prepare_handles_exactly_the_frames_given_and_reads_only():
    frames = {m: Frame(m, 0, 0, image(m, (96, 128))) for m in (Modality.THERMAL, Modality.DEPTH)}
    before = {m: frame.image.copy() for m, frame in frames.items()}
    inputs = prepare(frames, SPEC)
    assert inputs.keys() == frames.keys()
    assert inputs[Modality.THERMAL].shape == (1, 2, 48, 64)
    for m, frame in frames.items():
        np.testing.assert_array_equal(frame.image, before[m])


def test_rgb_is_scaled_per_channel_in_order():
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 170
    out = network_input(Modality.RGB, red, SPEC)
    np.testing.assert_allclose(out[0], 1.0)
    np.testing.assert_allclose(out[1:], -110 / 60, rtol=1e-6)


def test_shrinking_rgb_averages_and_does_not_alias():
    stripes = np.zeros((96, 128, 3), np.uint8)
    stripes[:, ::2] = 220
    np.testing.assert_allclose(network_input(Modality.RGB, stripes, SPEC), 0.0, atol=0.02)


def test_thermal_channels_are_absolute_and_relative_to_the_median():
    kelvin = np.full((48, 64), 298.0, np.float32)
    kelvin[:4] = 303.0
    absolute, relative = network_input(Modality.THERMAL, kelvin, SPEC)
    np.testing.assert_allclose(absolute[4:], 0.5)
    np.testing.assert_allclose(relative[4:], 0.0)
    np.testing.assert_allclose(relative[:4], 1.0)


@given(offset=st.floats(-15, 15, width=32))
def test_the_relative_thermal_channel_ignores_a_common_offset(offset):
    kelvin = image(Modality.THERMAL, (48, 64)) / 10 + np.float32(265)
    shifted = network_input(Modality.THERMAL, kelvin + np.float32(offset), SPEC)
    original = network_input(Modality.THERMAL, kelvin, SPEC)
    np.testing.assert_allclose(shifted[1], original[1], atol=2e-4)
    np.testing.assert_allclose(shifted[0] - original[0], offset / 10, atol=2e-4)


def test_depth_channels_are_distance_nearness_and_validity():
    metres = np.array([[2.0, 14.0], [0.0, 4.0]], np.float32).repeat(24, 0).repeat(32, 1)
    distance, nearness, valid = network_input(Modality.DEPTH, metres, SPEC)
    assert distance[0, 0] == pytest.approx(-1) and distance[0, -1] == pytest.approx(1)
    assert nearness[0, 0] == pytest.approx(1) and nearness[-1, -1] == pytest.approx(0.5)
    assert valid[0, 0] == valid[-1, -1] == 1 and valid[-1, 0] == 0


@pytest.mark.parametrize('modality', [Modality.THERMAL, Modality.DEPTH], ids=str)
def test_invalid_pixels_are_zero_in_every_channel_and_do_not_bleed(modality):
    values = image(modality, (96, 128))
    values[::2, ::2] = 0
    out = network_input(modality, values, SPEC)
    assert not out.any(), 'the sampled pixels are exactly the invalid ones'
    assert not network_input(modality, np.zeros((48, 64), np.float32), SPEC).any()


def test_returns_beyond_the_reach_of_training_count_as_none():
    metres = np.full((48, 64), 19.9, np.float32)
    metres[:24] = 20.1
    out = network_input(Modality.DEPTH, metres, SPEC)
    assert not out[:, :24].any()
    assert (out[2, 24:] == 1).all()


@pytest.mark.parametrize('modality', [Modality.THERMAL, Modality.DEPTH], ids=str)
def test_extreme_values_stay_bounded(modality):
    values = image(modality, (48, 64))
    values[0, 0], values[0, 1] = 1e-6, 1e6
    assert np.abs(network_input(modality, values, SPEC)).max() <= 3
