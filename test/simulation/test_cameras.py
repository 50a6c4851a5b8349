# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The simulated rig: determinism, exact labels, and sensors that fail in their own ways."""

import hashlib
import math
import subprocess
import sys

import numpy as np
import pytest

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.simulation import (
    CLASS_COLORS,
    CLASS_NAMES,
    Conditions,
    sample_captures,
    SceneClass,
    SimulatedCameras,
    World,
)
from mm_robust_seg.simulation.sensors.depth import RANGE_M
from mm_robust_seg.simulation.world.camera import Motion

SEED = 3
TIME_S = 31.0
DAY = Conditions(time_of_day_h=13.0)
NIGHT = Conditions(time_of_day_h=23.0)
FOG = Conditions(time_of_day_h=13.0, fog_visibility_m=40.0)


def digest(capture):
    pictures = (capture.rgb, capture.thermal, capture.depth, capture.labels)
    return hashlib.sha256(b''.join(picture.tobytes() for picture in pictures)).hexdigest()


def take(conditions, t_s=TIME_S, **options):
    return SimulatedCameras(World(SEED), conditions, seed=SEED, **options).capture(t_s)


@pytest.fixture(scope='module')
def day():
    return take(DAY)


@pytest.fixture(scope='module')
def night():
    return take(NIGHT)


@pytest.fixture(scope='module')
def fog():
    return take(FOG)


def test_pictures_share_one_grid_and_are_read_only(day):
    assert day.rgb.shape == (240, 320, 3)
    assert day.rgb.dtype == day.labels.dtype == np.uint8
    assert day.thermal.dtype == day.depth.dtype == np.uint16
    assert day.thermal.shape == day.depth.shape == day.labels.shape == (240, 320)
    with pytest.raises(ValueError, match='read-only'):
        day.thermal[0, 0] = 0


def test_same_seed_same_bytes_in_a_fresh_process(day):
    program = (
        'import sys; sys.path.insert(0, "test/simulation")\n'
        'from test_cameras import DAY, digest, take\n'
        'print(digest(take(DAY)))'
    )
    result = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == digest(day)


def test_other_seed_other_world(day):
    assert digest(SimulatedCameras(World(SEED + 1), DAY, seed=SEED).capture(TIME_S)) != digest(day)


def test_capture_does_not_depend_on_the_order_of_times():
    times_s = [0.0, 4.1, 12.3, 12.4]
    forward = SimulatedCameras(World(5), NIGHT, 64, 48, seed=1, ffc_period_s=4.0)
    backward = SimulatedCameras(World(5), NIGHT, 64, 48, seed=1, ffc_period_s=4.0)
    expected = [digest(forward.capture(t_s)) for t_s in times_s]
    assert [digest(backward.capture(t_s)) for t_s in reversed(times_s)] == expected[::-1]


def test_labels_do_not_depend_on_weather(day, night, fog):
    assert np.array_equal(day.labels, night.labels)
    assert np.array_equal(day.labels, fog.labels)


def test_sky_returns_no_depth_and_range_is_limited(day):
    assert not day.depth[day.labels == SceneClass.SKY].any()
    assert day.depth.max() <= RANGE_M * 1000
    assert 0.3 < np.mean(day.depth > 0) < 0.9


def test_people_stand_on_the_ground_and_roads_are_flat(day):
    camera = Motion(World(SEED).centreline, SEED).camera(TIME_S, (320, 240))
    rows, columns = np.indices(day.labels.shape)
    upward = camera.rays[2] @ np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    depth_m = day.depth / 1000.0
    height_m = camera.position[2] + upward.reshape(rows.shape) * depth_m
    near = (day.depth > 0) & (depth_m < 10.0)
    people = near & (day.labels == SceneClass.PERSON)
    road = near & (day.labels == SceneClass.ROAD)
    assert people.sum() > 100
    assert height_m[people].min() > -0.15
    assert 1.3 < height_m[people].max() < 2.1
    assert np.abs(height_m[road]).max() < 0.2


@pytest.mark.parametrize('hour', [0.0, 6.2, 13.0, 18.0, 24.0])
def test_temperatures_are_plausible(hour):
    kelvin = take(Conditions(time_of_day_h=hour), width_px=96, height_px=72).thermal / 100.0
    assert 230.0 < kelvin.min() < kelvin.max() < 400.0


def test_people_glow_at_night(night):
    kelvin = night.thermal / 100.0
    people = night.labels == SceneClass.PERSON
    ground = np.isin(night.labels, (SceneClass.ROAD, SceneClass.SIDEWALK, SceneClass.BUILDING))
    assert np.median(kelvin[people]) > np.percentile(kelvin[ground], 95)


def test_night_is_dark_in_colour_only(day, night):
    assert night.rgb.mean() < 0.5 * day.rgb.mean()
    assert abs(np.mean(night.depth > 0) - np.mean(day.depth > 0)) < 0.01


def test_lamps_brighten_the_night():
    dark = take(Conditions(time_of_day_h=23.0, street_light=0.0)).rgb
    assert take(NIGHT).rgb.mean() > dark.mean()


def test_fog_takes_contrast_from_colour_and_range_from_depth(day, fog):
    far = np.isin(day.labels, (SceneClass.BUILDING, SceneClass.VEGETATION))
    assert fog.rgb[far].std() < 0.5 * day.rgb[far].std()
    assert np.mean(fog.depth > 0) < 0.6 * np.mean(day.depth > 0)


def test_fog_leaves_people_visible_in_the_thermal_picture(fog):
    people = fog.labels == SceneClass.PERSON
    kelvin = fog.thermal / 100.0
    assert np.median(kelvin[people]) > np.median(kelvin[fog.labels == SceneClass.BUILDING]) + 2.0


def test_glare_whitens_the_colour_picture_alone(day):
    glaring = take(Conditions(time_of_day_h=13.0, glare=1.0))
    assert np.mean(glaring.rgb.min(axis=2) > 245) > np.mean(day.rgb.min(axis=2) > 245)
    assert np.array_equal(glaring.depth, day.depth)


def test_shutter_repeats_the_picture_of_its_closing():
    cameras = SimulatedCameras(World(2), DAY, 64, 48, ffc_period_s=5.0)
    before, closing, closed, after = (cameras.capture(t_s) for t_s in (4.99, 5.0, 5.9, 6.1))
    assert [c.ffc for c in (before, closing, closed, after)] == [False, True, True, False]
    assert closing.thermal.tobytes() == closed.thermal.tobytes()
    assert after.thermal.tobytes() != closed.thermal.tobytes()
    assert closing.rgb.tobytes() != closed.rgb.tobytes()


def test_closed_shutter_shows_what_an_open_one_saw_then():
    frozen = SimulatedCameras(World(2), DAY, 64, 48, ffc_period_s=5.0).capture(5.7).thermal
    assert (
        frozen.tobytes() == SimulatedCameras(World(2), DAY, 64, 48).capture(5.0).thermal.tobytes()
    )


def test_samples_vary_repeat_and_show_every_class():
    samples = list(sample_captures(12, seed=4, width_px=96, height_px=72))
    again = list(sample_captures(12, seed=4, width_px=96, height_px=72))
    assert [digest(s) for s in samples] == [digest(s) for s in again]
    assert len({digest(s) for s in samples}) == 12
    shown = np.unique(np.concatenate([s.labels.ravel() for s in samples]))
    assert shown.tolist() == list(range(len(CLASS_NAMES)))


def test_colours_are_distinct_and_follow_the_labels():
    assert len(set(CLASS_COLORS)) == len(CLASS_NAMES) == 9
    classes = dict(zip(CLASS_NAMES, CLASS_COLORS, strict=True))
    assert classes['person'] == CLASS_COLORS[SceneClass.PERSON] == (230, 40, 40)


@pytest.mark.parametrize(
    'options',
    [
        {'time_of_day_h': -0.1},
        {'time_of_day_h': 24.1},
        {'time_of_day_h': math.nan},
        {'fog_visibility_m': -1.0},
        {'fog_visibility_m': 0.0},
        {'fog_visibility_m': math.nan},
        {'glare': 1.5},
        {'street_light': -0.5},
        {'air_temperature_k': math.inf},
    ],
)
def test_bad_conditions_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Conditions(**options)


@pytest.mark.parametrize(
    'options',
    [
        {'width_px': 15},
        {'height_px': 0},
        {'width_px': 64.0},
        {'width_px': 100000},
        {'seed': -1},
        {'ffc_period_s': 0.5},
        {'ffc_period_s': math.nan},
        {'ffc_period_s': math.inf},
    ],
)
def test_bad_rigs_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        SimulatedCameras(World(0), DAY, **options)


@pytest.mark.parametrize('t_s', [-1.0, math.nan, math.inf])
def test_bad_times_are_refused(t_s):
    with pytest.raises(ConfigError, match='t_s'):
        SimulatedCameras(World(0), DAY, 16, 16).capture(t_s)


def test_bad_seeds_and_counts_are_refused():
    with pytest.raises(ConfigError, match='seed'):
        World(-1)
    with pytest.raises(ConfigError, match='count'):
        list(sample_captures(-1, seed=0))


def test_cameras_go_where_they_are_told():
    class Standing(Motion):
        def x_m(self, t_s):
            return super().x_m(0.0)

        def camera(self, t_s, size_px):
            return super().camera(0.0, size_px)

    world = World(SEED)
    driving = SimulatedCameras(world, DAY, 64, 48)
    standing = SimulatedCameras(world, DAY, 64, 48, motion=Standing(world.centreline, 0))
    assert digest(standing.capture(0.0)) == digest(driving.capture(0.0))

    def changed(cameras):
        return np.mean(cameras.capture(0.0).labels != cameras.capture(2.0).labels)

    assert changed(standing) < 0.5 * changed(driving)
