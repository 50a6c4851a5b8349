# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest

from benchmarks.bench_motion import compared
from benchmarks.motion_scenes import (
    CourseMotion,
    DRIVE,
    moments,
    REST,
    sequence,
    TURN,
    TURN_DRIVING,
)
from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation import World
from mm_robust_seg.simulation.world.camera import Camera


def heading_rad(camera: Camera) -> float:
    x, y, _ = camera.rays @ ((camera.width_px - 1) / 2, (camera.height_px - 1) / 2, 1)
    return math.atan2(y, x)


@pytest.mark.parametrize('course', [TURN, TURN_DRIVING], ids=lambda course: course.name)
def test_cameras_turn_at_30_degrees_per_second(course):
    motion = CourseMotion(course, World(3).centreline, 5)
    rates = []
    for t_s in (1.0, 2.0, 3.5, 4.5):
        first, later = (motion.camera(t, (320, 240)) for t in (t_s, t_s + 0.1))
        rates.append(math.degrees(heading_rad(later) - heading_rad(first)) / 0.1)
    np.testing.assert_allclose(np.abs(rates), 30, rtol=0.1 if course.drives else 1e-3)
    assert rates[0] * rates[2] < 0


def test_at_rest_nothing_but_the_noise_changes():
    first, *others = sequence(REST, 3, 1)
    for other in others:
        np.testing.assert_array_equal(other.labels, first.labels)
        assert (other.rgb != first.rgb).any()


def test_what_is_held_was_taken_before_the_moment():
    scene = list(moments(DRIVE, 1, 2, (0.02, 0.12), 1))
    assert len(scene) == 2
    for moment in scene:
        now_ns, held_ns = (f[Modality.THERMAL].stamp_ns for f in (moment.now, moment.held))
        before_ns = moment.before[Modality.RGB].stamp_ns
        assert 20_000_000 <= now_ns - held_ns <= 120_000_000
        assert abs(held_ns - before_ns) <= 17_000_000


def test_ways_are_compared_with_the_camera_of_the_moment():
    good = np.zeros((3, 2, 3), np.int64)
    good[:, 0, 0] = good[:, 1, 1] = 100
    bad = good.copy()
    bad[:, 1] = 50, 50, 0
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0]])
    table = compared({'30 Hz': good, 'held': bad}, weights)
    assert table['30 Hz'] == {'miou': 1.0, 'difference': 0.0, 'interval': (0.0, 0.0)}
    assert table['held']['difference'] == pytest.approx((100 / 150 + 50 / 100) / 2 - 1)
    assert table['held']['interval'] == pytest.approx((table['held']['difference'],) * 2)
