# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities import KINDS
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
TOLD = replace(SPEC, validity=True)
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
    assert out.shape == (KINDS[modality].channels, 48, 64)
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


def half(shape, seed=0):
    """Make a mask with a valid left half, and holes in it."""
    valid = np.random.default_rng(seed).random(shape) > 0.2
    valid[:, shape[1] // 2 :] = False
    return valid


@pytest.mark.parametrize('modality', list(Modality), ids=str)
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_a_network_that_is_told_gets_the_validity_as_its_last_channel(modality, shape):
    values = image(modality, shape)
    out = network_input(modality, values, TOLD)
    before = network_input(modality, values, SPEC)
    assert out.shape == (TOLD.channels(modality), 48, 64)
    assert out.flags.c_contiguous and out.dtype == np.float32
    assert (out[-1] == 1).all()
    np.testing.assert_array_equal(out[: len(before)], before)


@pytest.mark.parametrize('modality', list(Modality), ids=str)
@pytest.mark.parametrize('shape', [s for s in SHAPES if s != (1, 1)], ids=str)
def test_what_is_invalid_is_0_in_every_channel(modality, shape):
    valid = half(shape)
    out = network_input(modality, image(modality, shape), TOLD, valid)
    assert set(np.unique(out[-1])) == {0, 1}
    assert not out[:, out[-1] == 0].any()
    assert not out[-1, :, 33:].any()
    assert 0.5 < out[-1, :, :31].mean() <= 1
    blind = network_input(modality, image(modality, shape), TOLD, np.zeros(shape, bool))
    assert not blind.any()


@given(
    height=st.integers(8, 90),
    width=st.integers(8, 90),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_invalid_colours_bleed_into_none(height, width, share, seed):
    rng = np.random.default_rng(seed)
    valid = rng.random((height, width)) < share
    colours = np.where(valid[..., None], rng.integers(60, 70, (height, width, 3)), 255)
    out = network_input(Modality.RGB, colours.astype(np.uint8), TOLD, valid)
    seen = out[:3, out[-1] == 1] * 60 + 110
    assert seen.size == 0 or (seen.min() > 59.9 and seen.max() < 70.1)


def test_a_place_is_valid_where_half_of_it_is():
    valid = np.zeros((96, 128), bool)
    valid[:, ::2] = True
    grey = np.full((96, 128, 3), 110, np.uint8)
    assert network_input(Modality.RGB, grey, TOLD, valid)[-1].all()
    valid[::4] = False
    assert not network_input(Modality.RGB, grey, TOLD, valid)[-1, ::2].any()


@pytest.mark.parametrize('modality', [Modality.THERMAL, Modality.DEPTH], ids=str)
def test_a_network_that_is_not_told_gets_zeros_where_they_mean_that(modality):
    valid = half((48, 64))
    out = network_input(modality, image(modality, (48, 64)), SPEC, valid)
    assert not out[:, ~valid].any() and out[:, valid].any(0).all()


def test_a_network_that_is_not_told_gets_colours_as_they_are():
    colours = image(Modality.RGB, (96, 128))
    masked = network_input(Modality.RGB, colours, SPEC, half((96, 128)))
    np.testing.assert_array_equal(masked, network_input(Modality.RGB, colours, SPEC))


@pytest.mark.parametrize('modality', list(Modality), ids=str)
def test_validity_of_another_size_is_refused(modality):
    with pytest.raises(ValueError, match=rf'validity of the {modality} image has shape \(48, 64'):
        network_input(modality, image(modality, (96, 128)), TOLD, np.ones((48, 64), bool))


def test_what_a_frame_knows_and_damaged_tiles_come_together():
    rows = np.ones((96, 128), bool)
    rows[80:] = False
    frames = {
        Modality.RGB: Frame(Modality.RGB, 0, 0, image(Modality.RGB, (96, 128)), valid=rows),
        Modality.DEPTH: Frame(Modality.DEPTH, 0, 0, image(Modality.DEPTH, (96, 128))),
    }
    tiles = np.zeros((8, 8), bool)
    tiles[0, 0] = True
    inputs = prepare(frames, TOLD, damaged={Modality.RGB: tiles, Modality.THERMAL: tiles})
    valid = inputs[Modality.RGB][0, -1]
    assert not valid[:6, :8].any() and not valid[40:].any()
    assert valid[6:40].all() and valid[:40, 8:].all()
    assert inputs[Modality.DEPTH][0, -1].all()
    np.testing.assert_array_equal(prepare(frames, TOLD)[Modality.RGB][0, -1, :40], 1)


@pytest.mark.parametrize(
    'tiles',
    [np.ones((8, 8), np.uint8), np.ones(8, bool), np.ones((97, 8), bool)],
    ids=['type', 'dimensions', 'more than pixels'],
)
def test_other_tiles_are_refused(tiles):
    frames = {Modality.RGB: Frame(Modality.RGB, 0, 0, image(Modality.RGB, (96, 128)))}
    with pytest.raises(ValueError, match=r'damaged tiles of rgb are .*expected bool'):
        prepare(frames, TOLD, damaged={Modality.RGB: tiles})
