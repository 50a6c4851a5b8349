# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The ray caster against closed-form answers and brute force."""

import numpy as np
import pytest

from mm_robust_seg.simulation.classes import SceneClass
from mm_robust_seg.simulation.world.camera import look
from mm_robust_seg.simulation.world.materials import Material
from mm_robust_seg.simulation.world.primitives import assemble, FACES, join, Part, place, Shape
from mm_robust_seg.simulation.world.raycast import cast
from mm_robust_seg.simulation.world.world import BACKDROP

CENTRE = (30, 40)


def thing(shape, half_size_m=(1.0, 1.0, 1.0), lean=0.0):
    return assemble(
        [
            Part(
                shape,
                (0.0, 0.0, 1.5),
                half_size_m,
                Material.PANEL,
                SceneClass.VEHICLE,
                (0.5, 0.5, 0.5),
                lean=lean,
            )
        ]
    )


def shoot(*things):
    camera = look((0.0, 0.0, 1.5), 0.0, 0.0, 0.0, (81, 61))
    return camera, cast(camera, join([BACKDROP, *things]), len(BACKDROP))


@pytest.mark.parametrize('shape', [Shape.BOX, Shape.ELLIPSOID, Shape.CYLINDER, Shape.FOLIAGE])
def test_front_of_a_body_ahead_is_at_its_distance(shape):
    _, canvas = shoot(place(thing(shape), 10.0, 0.0, 0.0))
    assert canvas.key[CENTRE] // FACES == len(BACKDROP)
    assert 1.0 / canvas.inverse_m[CENTRE] == pytest.approx(9.0, rel=1e-4)


@pytest.mark.parametrize('order', [(6.0, 12.0), (12.0, 6.0)])
@pytest.mark.parametrize('shape', [Shape.BOX, Shape.ELLIPSOID])
def test_nearer_body_hides_the_farther_one(shape, order):
    _, canvas = shoot(*(place(thing(shape), x_m, 0.0, 0.0) for x_m in order))
    assert 1.0 / canvas.inverse_m[CENTRE] == pytest.approx(5.0, rel=1e-4)
    assert canvas.key[CENTRE] // FACES == len(BACKDROP) + order.index(6.0)


@pytest.mark.parametrize('shape', [Shape.BOX, Shape.CABIN, Shape.ELLIPSOID])
def test_body_behind_the_camera_or_around_it_is_not_seen(shape):
    for x_m in (-5.0, 0.0):
        _, canvas = shoot(place(thing(shape), x_m, 0.0, 0.3))
        assert (canvas.key // FACES < len(BACKDROP)).all()


def test_ground_lies_at_the_height_of_the_camera():
    camera, canvas = shoot()
    rows, columns = np.indices(canvas.inverse_m.shape)
    downward = camera.rays[2] @ np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    ground = canvas.key == Material.ASPHALT * FACES + 4
    depth_m = 1.0 / canvas.inverse_m[ground]
    assert downward.reshape(rows.shape)[ground] * depth_m == pytest.approx(-1.5, rel=1e-4)


@pytest.mark.parametrize('lean', [0.0, 0.4])
def test_hits_of_a_turned_ellipsoid_lie_on_its_surface(lean):
    body = place(thing(Shape.ELLIPSOID, (0.5, 1.2, 0.8), lean), 6.0, 0.7, 0.6)
    camera, canvas = shoot(body)
    rows, columns = np.nonzero(canvas.key // FACES == len(BACKDROP))
    assert len(rows) > 100
    rays = camera.rays @ np.stack([columns, rows, np.ones(len(rows))])
    points = camera.position[:, None] + rays / canvas.inverse_m[rows, columns]
    unit = body.inverse[0] @ (points - body.centre[0][:, None])
    assert np.linalg.norm(unit, axis=0) == pytest.approx(1.0, abs=2e-3)
