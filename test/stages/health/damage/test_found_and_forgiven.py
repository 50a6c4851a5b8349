# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Each kind of damage on a drive: found in a second, named, placed, and forgiven when clean."""

from __future__ import annotations

from damage_drive import DEPTH, Drive, fault, RGB, THERMAL
import numpy as np
import pytest

from mm_robust_seg.dataflow import HealthLevel, Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation.faults import Fault

LEARN_S = 9
FOUND = [
    (RGB, fault(Fault.COVER, share=0.5), Reason.OBSTRUCTED),
    (RGB, fault(Fault.MUD, share=0.75), Reason.OBSTRUCTED),
    (RGB, fault(Fault.BLUR, sigma_px=4.0), Reason.BLURRED),
    (RGB, fault(Fault.GLARE, share=0.3), Reason.GLARE),
    (RGB, fault(Fault.NOISE, sigma=0.1), Reason.NOISY),
    (RGB, fault(Fault.BANDING, sigma=0.1), Reason.NOISY),
    (THERMAL, fault(Fault.COVER, share=0.5), Reason.OBSTRUCTED),
    (THERMAL, fault(Fault.MUD, share=0.5), Reason.OBSTRUCTED),
    (THERMAL, fault(Fault.DROPLETS, share=0.75), Reason.OBSTRUCTED),
    (THERMAL, fault(Fault.BLUR, sigma_px=4.0), Reason.BLURRED),
    (THERMAL, fault(Fault.FOG, density=0.8), Reason.BLURRED),
    (THERMAL, fault(Fault.NOISE, sigma=0.1), Reason.NOISY),
    (THERMAL, fault(Fault.BANDING, sigma=0.1), Reason.NOISY),
    (THERMAL, fault(Fault.GHOST, strength=0.3), Reason.GHOST),
]


@pytest.mark.parametrize(('modality', 'spec', 'reason'), FOUND, ids=str)
def test_damage_is_named_and_the_sensor_comes_back_when_clean(
    modality: Modality, spec: object, reason: Reason
) -> None:
    drive = Drive().run(LEARN_S)
    began = len(drive.said)
    drive.run(2.0, {modality: spec})
    assert drive.delay_s(modality, reason, began) <= 1.3  # of which 0.2 s confirm it at 10 Hz
    other = THERMAL if modality is RGB else RGB
    assert drive.reasons(other) == set()
    ended = len(drive.said)
    drive.run(3.0)
    assert drive.health(modality).reason is Reason.OK
    assert drive.health(modality).usable and drive.health(modality).damage is None
    assert drive.delay_s(modality, Reason.OK, ended) <= 2.0


def test_a_misted_lens_leaves_nothing_to_see() -> None:
    drive = Drive().run(LEARN_S).run(1.5, {RGB: fault(Fault.FOG, density=0.85)})
    assert drive.health(RGB).reason in (Reason.BLURRED, Reason.OBSTRUCTED)
    assert not drive.health(RGB).usable


@pytest.mark.parametrize(
    ('from_deg', 'place', 'rows', 'columns'),
    [
        (90, 'right half', slice(0, 8), slice(5, 8)),
        (270, 'left half', slice(0, 8), slice(0, 3)),
        (180, 'lower half', slice(5, 8), slice(0, 8)),
    ],
)
def test_a_cover_is_told_with_its_place_and_its_share(
    from_deg: float, place: str, rows: slice, columns: slice
) -> None:
    spec = fault(Fault.COVER, share=0.5, from_deg=float(from_deg))
    health = Drive().run(LEARN_S).run(1.5, {RGB: spec}).health(RGB)
    assert health.damage is not None and health.damage.reason is Reason.OBSTRUCTED
    assert health.damage.tiles[rows, columns].mean() > 0.75
    assert health.damage.tiles.mean() < 0.65
    assert 0.35 < health.evidence['damaged_ratio'] < 0.65
    assert place in health.detail and '% of the image is hidden' in health.detail


def test_the_blur_is_measured() -> None:
    for sigma_px, least, most in ((2.0, 1.2, 3.2), (4.0, 2.4, 5.5)):
        spec = fault(Fault.BLUR, sigma_px=sigma_px)
        health = Drive().run(LEARN_S).run(1.5, {RGB: spec}).health(RGB)
        assert health.reason is Reason.BLURRED and least < health.evidence['strength'] < most


def test_a_little_damage_warns_and_its_tiles_are_told() -> None:
    drive = Drive(monitor__rgb__damage_fail_ratio=0.6)
    drive.run(LEARN_S).run(1.5, {RGB: fault(Fault.COVER, share=0.4)})
    health = drive.health(RGB)
    assert (health.level, health.usable) == (HealthLevel.WARN, True)
    report = drive.monitor.assess(drive.now_ns)
    assert set(report.damaged) == {RGB} and report.damaged[RGB].shape == (8, 8)


def test_what_is_damaged_is_not_learned_however_long_it_lasts() -> None:
    drive = Drive().run(LEARN_S).run(40, {RGB: fault(Fault.COVER, share=0.5)})
    assert drive.health(RGB).reason is Reason.OBSTRUCTED
    assert drive.run(3).health(RGB).reason is Reason.OK
    assert drive.run(2, {RGB: fault(Fault.COVER, share=0.5)}).health(RGB).damage is not None


def test_a_camera_that_is_covered_from_the_start_is_not_found() -> None:
    """Its own picture is all that it knows: the weakness that docs/failure_modes.md states."""
    drive = Drive(sensors=[RGB]).run(4, {RGB: fault(Fault.COVER, share=0.5)})
    assert drive.reasons(RGB) == set()


def test_a_closed_shutter_is_no_damage() -> None:
    drive = Drive().run(LEARN_S)
    shut = drive.scene()[THERMAL]
    drive.run(1.5, change=lambda shown, random: {**shown, THERMAL: shut})
    drive.run(2)
    assert drive.reasons(THERMAL) <= {Reason.FFC}


def test_depth_says_itself_where_nothing_returned() -> None:
    drive = Drive(sensors=[RGB, DEPTH]).run(LEARN_S)

    def half_without(shown: dict, random: np.random.Generator) -> dict:
        depth = shown[DEPTH].copy()
        depth[:, 96:] = 0
        return {**shown, DEPTH: depth}

    assert drive.run(2, change=half_without).reasons(DEPTH) == set()


def test_zero_seconds_switch_it_off() -> None:
    drive = Drive(monitor__rgb__damage_s=0.0).run(LEARN_S)
    assert drive.run(2, {RGB: fault(Fault.COVER, share=0.5)}).reasons(RGB) == set()
