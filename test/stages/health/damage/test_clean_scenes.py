# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is not damage raises no alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cv2
from damage_drive import Drive, RGB, SCENES, THERMAL
import numpy as np
import pytest

from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation.faults import Fault, FaultSpec

Images: TypeAlias = 'dict[Modality, np.ndarray]'
Change = Callable[[Images, np.random.Generator], Images]


def quiet(drive: Drive) -> bool:
    return not drive.reasons(RGB) and not drive.reasons(THERMAL)


def of_rgb(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    def changed(shown: Images, random: np.random.Generator) -> Images:
        pixels = np.asarray(change(shown[RGB].astype(np.float32))).clip(0, 255)
        return {**shown, RGB: pixels.astype(np.uint8)}

    return changed


@pytest.mark.parametrize('scene', SCENES)
def test_a_drive_by_day_at_night_and_in_fog(scene: str) -> None:
    assert quiet(Drive(scene).run(20))


@pytest.mark.parametrize('gain', [0.4, 1.6])
def test_a_step_of_the_exposure(gain: float) -> None:
    drive = Drive().run(8).run(4, change=of_rgb(lambda image: gain * image))
    assert quiet(drive.run(4))


def test_lights_that_are_switched_on_at_night() -> None:
    drive = Drive('night').run(8)
    assert quiet(drive.run(4, change=of_rgb(lambda image: 60 + 1.2 * image)))


def test_motion_blur_of_a_turn() -> None:
    drive = Drive().run(8)
    blurred = of_rgb(lambda image: cv2.blur(image, (9, 1)))
    assert quiet(drive.run(3, change=blurred))


@pytest.mark.parametrize('passes', [False, True], ids=['empty', 'with traffic'])
def test_a_scene_at_rest_with_and_without_something_that_passes(passes: bool) -> None:
    drive = Drive().run(8)
    rest = drive.scene()
    number = iter(range(1000))

    def standing(shown: Images, random: np.random.Generator) -> Images:
        noisy = rest[RGB] + random.normal(0, 2, rest[RGB].shape)
        warm = rest[THERMAL] + random.normal(0, 3, rest[THERMAL].shape)
        if passes:
            left = 4 * next(number) % 150
            noisy[60:110, left : left + 40] = random.integers(
                60, 200, (50, min(40, 192 - left), 3)
            )
        return {
            **shown,
            RGB: noisy.clip(0, 255).astype(np.uint8),
            THERMAL: warm.astype(np.uint16),
        }

    assert quiet(drive.run(6, change=standing).run(2))


def test_a_bare_wall_that_all_sensors_see() -> None:
    drive = Drive().run(8)

    def wall(shown: Images, random: np.random.Generator) -> Images:
        rows = np.linspace(0, 15, shown[RGB].shape[0])[:, None, None]
        bright = 170 + rows + random.normal(0, 3, shown[RGB].shape)
        warm = 29_500 + random.normal(0, 4, shown[THERMAL].shape)
        return {**shown, RGB: bright.astype(np.uint8), THERMAL: warm.astype(np.uint16)}

    drive.run(4, change=wall).run(2)
    assert quiet(drive)


def test_the_sky_in_the_upper_half_after_a_hill() -> None:
    drive = Drive().run(8)

    def skyward(shown: Images, random: np.random.Generator) -> Images:
        image, warm = (np.roll(shown[m], 72, axis=0) for m in (RGB, THERMAL))
        image[:72] = (200 + random.normal(0, 3, image[:72].shape)).astype(np.uint8)
        warm[:72] = (27_000 + random.normal(0, 4, warm[:72].shape)).astype(np.uint16)
        return {**shown, RGB: image, THERMAL: warm}

    assert quiet(drive.run(4, change=skyward).run(2))


def _at_rest(shown: Images) -> Change:
    """Return what makes every image the one of a moment, with noise of its own."""

    def show(_: Images, random: np.random.Generator) -> Images:
        noisy = {m: v.astype(np.int64) + random.integers(-2, 3, v.shape) for m, v in shown.items()}
        return {m: v.clip(0, np.iinfo(shown[m].dtype).max).astype(shown[m].dtype)
                for m, v in noisy.items()}  # fmt: skip

    return show


@pytest.mark.parametrize('rests', [False, True], ids=['moves', 'rests'])
@pytest.mark.parametrize(
    ('broken', 'kind'),
    [
        *((RGB, kind) for kind in ('dark', 'flat', 'saturated', 'fog', 'noise', 'banding')),
        *((THERMAL, kind) for kind in ('flat', 'mud', 'droplets', 'ghost', 'noise', 'banding')),
    ],
    ids=str,
)
def test_what_is_wrong_with_one_camera_blames_no_other(broken, kind, rests):
    """A camera in trouble is no witness: neither of a scene that moves, nor of an empty one."""
    drive = Drive().run(10)
    change = _at_rest(drive.scene()) if rests else None
    drive.run(1.5, change=change)
    (well,) = {RGB, THERMAL} - {broken}
    drive.run(3, {broken: FaultSpec(Fault(kind))}, change)
    assert drive.reasons(well, 30) == set()


@pytest.mark.parametrize(
    ('broken', 'kind'),
    [(RGB, 'dark'), (RGB, 'flat'), (RGB, 'saturated'), (THERMAL, 'flat')],
    ids=str,
)
def test_what_was_useless_as_a_whole_is_not_damaged_when_it_comes_back(broken, kind):
    drive = Drive().run(10).run(3, {broken: FaultSpec(Fault(kind))}).run(4)
    assert drive.reasons(broken, 40) == set()
