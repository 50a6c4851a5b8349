# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, FrameSet
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.motion import SceneMotion, warp
from mm_robust_seg.stages.motion.pictures import HEIGHT_PX, nearest_pair, Picture, WIDTH_PX

RGB, THERMAL, DEPTH = Modality
MS = 1_000_000
SHAPE = (240, 320)


def landscape(seed=0):
    """Things of all sizes, 240 x 480, 0 to 1."""
    rng = np.random.default_rng(seed)
    noise = rng.random((240, 480), np.float32)
    layers = [cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (2, 5, 12)]
    picture = sum((layer - layer.mean()) / layer.std() for layer in layers)
    return cv2.normalize(picture, None, 0, 1, cv2.NORM_MINMAX)


LANDSCAPE = landscape()


def seen(modality, values):
    """What a camera makes of a scene of 0 to 1."""
    if modality is RGB:
        return np.repeat((values * 200 + 20).astype(np.uint8)[..., None], 3, axis=2)
    return (values * 12 + (285 if modality is THERMAL else 1)).astype(np.float32)


def frame(modality, image, at_ms):
    return Frame(modality, round(at_ms * MS), 0, image)


def panned(modality, at_ms, shift_px, scene=LANDSCAPE):
    """A frame of a camera that has turned by so many of its 320 columns to the right."""
    left = 80 + shift_px
    return frame(modality, seen(modality, scene[:, left : left + 320]), at_ms)


def motion_of(*frames):
    motion = SceneMotion(Config())
    for one in frames:
        motion.observe(one)
    return motion


def set_of(pace, *others):
    frames = {one.modality: one for one in (pace, *others)}
    return FrameSet(frames, pace.modality, 0, 0)


def way_px(flow):
    return np.median(flow.vectors, axis=(0, 1)) * (320, 240)


@pytest.mark.parametrize('source', list(Modality), ids=str)
def test_motion_is_seen_by_any_sensor(source):
    motion = motion_of(panned(source, 0, 0), panned(source, 100, 12))
    flow = motion.flow(0, 100 * MS, [source])
    assert flow.source is source
    np.testing.assert_allclose(way_px(flow), (12, 0), atol=0.5)


def test_motion_is_scaled_to_the_time_between_the_moments():
    motion = motion_of(*(panned(RGB, 33 * n, 4 * n) for n in range(4)))
    for held_ms, expected_px in ((11, 88 / 33 * 4), (27, 72 / 33 * 4), (80, 19 / 33 * 4)):
        flow = motion.flow(held_ms * MS, 99 * MS, [RGB])
        np.testing.assert_allclose(way_px(flow), (expected_px, 0), atol=0.5)


def test_the_first_source_with_pictures_of_both_moments_tells():
    motion = motion_of(
        panned(RGB, 0, 0),
        panned(DEPTH, 5, 0),
        panned(DEPTH, 95, 10),
        panned(THERMAL, 5, 0),
        panned(THERMAL, 95, 10),
    )
    assert motion.flow(0, 100 * MS, [RGB, DEPTH, THERMAL]).source is DEPTH
    assert motion.flow(0, 100 * MS, [RGB, THERMAL, DEPTH]).source is THERMAL
    assert motion.flow(0, 100 * MS, [RGB]) is None
    assert motion.flow(0, 100 * MS, []) is None


def test_a_held_sensor_does_not_tell_its_own_future():
    motion = motion_of(panned(THERMAL, 0, 0), panned(THERMAL, 110, 12))
    assert motion.flow(110 * MS, 180 * MS, [THERMAL]) is None


@pytest.mark.parametrize('age_ms', [-5, 0, 3])
def test_an_image_of_the_moment_stays(age_ms):
    motion = motion_of(panned(RGB, 0, 0), panned(RGB, 33, 12))
    assert motion.flow((33 - age_ms) * MS, 33 * MS, [RGB]) is None


def test_exposure_that_changes_meanwhile_hides_nothing():
    brighter = seen(RGB, LANDSCAPE[:, 92:412]) + np.uint8(30)
    motion = motion_of(panned(RGB, 0, 0), frame(RGB, brighter, 100))
    np.testing.assert_allclose(way_px(motion.flow(0, 100 * MS, [RGB])), (12, 0), atol=0.5)


def test_depth_without_return_here_and_there_tells_motion():
    rng = np.random.default_rng(1)
    frames = []
    for at_ms, shift in ((0, 0), (100, 12)):
        metres = panned(DEPTH, 0, shift).image.copy()
        metres[rng.random(SHAPE) < 0.02] = 0
        metres[:30] = 0
        frames.append(frame(DEPTH, metres, at_ms))
    flow = motion_of(*frames).flow(0, 100 * MS, [DEPTH])
    np.testing.assert_allclose(way_px(flow), (12, 0), atol=1)


def noise(seed, mean, sigma, shape=(480, 640, 3)):
    values = np.random.default_rng(seed).normal(mean, sigma, shape)
    return np.clip(values, 0, 255).astype(np.uint8)


def wall(seed):
    shading = np.linspace(0, 60, 640)[None, :, None]
    return np.clip(noise(seed, 100, 3) + shading, 0, 255).astype(np.uint8)


def measured_noise(seed, mean, sigma):
    return np.random.default_rng(seed).normal(mean, sigma, (120, 160)).astype(np.float32)


NOTHING_TO_SEE = {
    'noise': (RGB, lambda seed: noise(seed, 128, 60)),
    'night': (RGB, lambda seed: noise(seed, 4, 5)),
    'wall': (RGB, wall),
    'one colour': (RGB, lambda seed: np.full((480, 640, 3), 90, np.uint8)),
    'thermal wall': (THERMAL, lambda seed: measured_noise(seed, 290, 0.05)),
    'depth wall': (DEPTH, lambda seed: measured_noise(seed, 3, 0.01)),
    'no return': (DEPTH, lambda seed: np.zeros((120, 160), np.float32)),
    'scene at rest': (
        RGB,
        lambda seed: seen(RGB, LANDSCAPE[:, :320]) + noise(seed, 4, 2, (240, 320, 3)),
    ),
    'cut': (RGB, lambda seed: seen(RGB, landscape(seed)[:, :320])),
    'thermal cut': (THERMAL, lambda seed: seen(THERMAL, landscape(seed)[:, :320])),
    'lens covered': (
        RGB,
        lambda seed: seen(RGB, LANDSCAPE[:, :320]) if seed % 2 else noise(seed, 3, 1),
    ),
    'half out of sight': (
        RGB,
        lambda seed: seen(RGB, np.tile(LANDSCAPE, 2)[:, 190 * (seed % 2) :][:, :320]),
    ),
}


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('case', NOTHING_TO_SEE)
def test_without_credible_motion_the_image_is_held_as_it_is(case, seed):
    modality, image = NOTHING_TO_SEE[case]
    frames = [frame(modality, image(2 * seed + n), 100 * n) for n in range(2)]
    held = np.random.default_rng(0).random((1, 2, *SHAPE), np.float32)
    moved, inside = motion_of(*frames).compensate(
        {THERMAL: held}, set_of(panned(RGB, 100, 0), panned(THERMAL, 0, 0)), [modality]
    )
    assert moved[THERMAL] is held
    assert not inside


def test_held_inputs_come_to_the_moment_and_others_stay():
    motion = motion_of(panned(RGB, 0, 0), panned(RGB, 100, 12))
    frames = {
        RGB: panned(RGB, 100, 12),
        THERMAL: panned(THERMAL, 0, 0),
        DEPTH: panned(DEPTH, 102, 12),
    }
    inputs = {m: np.ascontiguousarray(LANDSCAPE[None, None, :, 80:400]) for m in frames}
    before = inputs[THERMAL].copy()
    moved, inside = motion.compensate(inputs, set_of(*frames.values()), [RGB])
    assert moved[RGB] is inputs[RGB]
    assert moved[DEPTH] is inputs[DEPTH]
    assert inside.keys() == {THERMAL}
    now = LANDSCAPE[:, 92:412]
    left = np.abs(moved[THERMAL][0, 0] - now)[inside[THERMAL]].mean()
    assert left < 0.1 * np.abs(before[0, 0] - now).mean()
    np.testing.assert_array_equal(inputs[THERMAL], before)
    assert moved[THERMAL].flags.c_contiguous


def test_one_estimate_serves_all_held_sensors(monkeypatch):
    calls = []
    create = cv2.DISOpticalFlow.create

    class Counted:
        def __init__(self, preset):
            self.dis = create(preset)

        def calc(self, *pictures):
            calls.append(pictures[0].shape)
            return self.dis.calc(*pictures)

    monkeypatch.setattr(cv2, 'DISOpticalFlow', type('', (), {'create': Counted}))
    motion = motion_of(*(panned(RGB, 33 * n, 4 * n) for n in range(4)))
    inputs = {m: np.zeros((1, 2, *SHAPE), np.float32) for m in (THERMAL, DEPTH)}
    frames = set_of(panned(RGB, 99, 12), panned(THERMAL, 60, 0), panned(DEPTH, 70, 0))
    _, inside = motion.compensate(inputs, frames, [RGB])
    assert len(inside) == 2
    assert calls == [(HEIGHT_PX, WIDTH_PX), (HEIGHT_PX // 2, WIDTH_PX // 2)]


def uniform_flow(right_px, down_px, shape=SHAPE):
    height, width = shape
    return np.full((42, 56, 2), (right_px / width, down_px / height), np.float32)


@pytest.mark.parametrize('shape', [SHAPE, (480, 640), (48, 64)], ids=str)
def test_warp_reads_from_where_the_content_was(shape):
    image = np.random.default_rng(0).random((3, *shape), np.float32)
    moved, inside = warp(image, uniform_flow(5, -3, shape))
    np.testing.assert_array_equal(moved[:, 3:, :-5], image[:, :-3, 5:])
    assert inside[3:, :-5].all()
    assert inside.sum() == (shape[0] - 3) * (shape[1] - 5)


def test_what_was_out_of_sight_is_filled_or_repeats_the_border():
    image = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    filled, inside = warp(image, uniform_flow(5, 0), fill=-7)
    assert (filled[:, ~inside] == -7).all()
    assert (filled[:, inside] >= 0).all()
    repeated, inside = warp(image, uniform_flow(5, 0))
    np.testing.assert_array_equal(repeated[:, :, -5:], np.repeat(image[:, :, -1:], 5, 2))
    assert not inside[:, -5:].any()


def test_nothing_mixes_across_edges():
    """Depth, inverse depth and validity of each pixel stay together."""
    image = np.zeros((3, *SHAPE), np.float32)
    image[:, :, 100:] = np.float32([[1.5], [0.25], [1.0]])[..., None]
    rng = np.random.default_rng(0)
    flow = cv2.GaussianBlur(rng.normal(0, 0.2, (42, 56, 2)).astype(np.float32), (0, 0), 3)
    moved, _ = warp(image, flow)
    kinds = np.unique(moved.reshape(3, -1), axis=1)
    np.testing.assert_array_equal(kinds, np.float32([[0, 1.5], [0, 0.25], [0, 1]]))


def test_flow_below_half_a_pixel_moves_nothing():
    image = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    moved, inside = warp(image, uniform_flow(0.4, -0.4))
    np.testing.assert_array_equal(moved, image)
    assert inside.all()


def test_pictures_are_kept_for_half_a_second():
    motion = motion_of(*(panned(RGB, 100 * n, 3 * n) for n in range(12)))
    assert motion.flow(650 * MS, 1100 * MS, [RGB]) is not None
    assert motion.flow(50 * MS, 1100 * MS, [RGB]) is None


def test_frames_out_of_order_change_nothing():
    motion = motion_of(panned(RGB, 0, 0), panned(RGB, 100, 12), panned(RGB, 60, 40))
    motion.observe(panned(RGB, 100, 40))
    np.testing.assert_allclose(way_px(motion.flow(0, 100 * MS, [RGB])), (12, 0), atol=0.5)


def test_stamps_that_jump_back_begin_anew():
    motion = motion_of(panned(RGB, 5000, 30), panned(RGB, 0, 0), panned(RGB, 100, 12))
    np.testing.assert_allclose(way_px(motion.flow(0, 100 * MS, [RGB])), (12, 0), atol=0.5)


def test_reset_forgets():
    motion = motion_of(panned(RGB, 0, 0), panned(RGB, 100, 12))
    motion.reset(0)
    assert motion.flow(0, 100 * MS, [RGB]) is None


@pytest.mark.parametrize('modality', list(Modality), ids=str)
@pytest.mark.parametrize('shape', [(1, 1), (24, 32), (33, 71), (1080, 1920)], ids=str)
def test_frames_of_any_size_are_observed(modality, shape):
    scene = cv2.resize(LANDSCAPE, shape[::-1]).reshape(shape)
    motion = motion_of(*(frame(modality, seen(modality, scene), at) for at in (0, 100)))
    assert motion.flow(0, 100 * MS, [modality]) is None


STAMPS = st.lists(st.integers(0, 10**9), unique=True, max_size=12).map(sorted)


@given(STAMPS, st.integers(0, 10**9), st.integers(4 * MS, 10**9))
def test_pictures_chosen_are_near_both_moments(stamps_ns, held_ns, age_ns):
    moment_ns = held_ns + age_ns
    pair = nearest_pair(
        tuple(Picture(stamp_ns, np.zeros((1, 1), np.uint8)) for stamp_ns in stamps_ns),
        held_ns,
        moment_ns,
    )
    if pair is None:
        assert not {held_ns, moment_ns} <= set(stamps_ns)
        return
    earlier_ns, later_ns = (picture.stamp_ns for picture in pair)
    between_ns = later_ns - earlier_ns
    assert 0 < age_ns <= 2 * between_ns
    assert abs(earlier_ns - held_ns) <= between_ns
    assert abs(later_ns - moment_ns) < abs(later_ns - held_ns)
