# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A scene at rest is no fault: cameras without noise repeat their images bit for bit."""

from dataclasses import replace

from cameras import DEPTH, raw, RGB, THERMAL
from played import play, Stream
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import with_values

LEARNED = with_values(Config(), {'sync.held_frames': 'plain'})


def still(modality, from_s=0.0, until_s=1e9, **values):
    """A camera without noise in front of a scene that rests for a time, taken where it begins."""
    rate_hz = values.get('rate_hz', 30.0)
    phase_ms = values.get('phase_ms', 0.0)
    held = {}

    def sends(number, image):
        at_s = number / rate_hz + phase_ms * 1e-3
        if from_s <= at_s < until_s:
            data = held.setdefault(modality, image).data
            return replace(image, data=data)
        return image

    return Stream(sends=sends, **values)


def resting(*args, rates_hz=(30.0, 30.0, 30.0), phases_ms=(0.0, 0.0, 0.0)):
    timing = zip(Modality, rates_hz, phases_ms, strict=True)
    return {m: still(m, *args, rate_hz=hz, phase_ms=ms) for m, hz, ms in timing}


@pytest.mark.parametrize(
    ('rates_hz', 'phases_ms'),
    [
        ((30.0, 30.0, 30.0), (0.0, 0.0, 0.0)),
        ((30.0, 9.0, 15.0), (0.0, 13.0, 5.0)),
        ((30.0, 5.0, 30.0), (0.0, 150.0, 20.0)),
        ((5.0, 5.0, 5.0), (0.0, 70.0, 130.0)),
    ],
)
def test_drive_stand_and_drive(make_cameras, rates_hz, phases_ms):
    """3 s, 6 s, 3 s: every mask is made of all, and none is degraded."""
    streams = resting(3.0, 9.0, rates_hz=rates_hz, phases_ms=phases_ms)
    played = play(make_cameras(LEARNED).pipeline, streams, 12.0)
    for modality in Modality:
        assert played.reasons(modality, 0.4)[0] in (Reason.OK, Reason.WAITING)
        assert set(played.reasons(modality, 0.4)) <= {
            Reason.WAITING, Reason.OK, Reason.STILL, Reason.FFC, Reason.UNMATCHED
        }  # fmt: skip
        assert Reason.STILL in played.reasons(modality)
        assert played.reports[-1].sensors[modality].reason is Reason.OK
    assert {mask.combination for mask in played.since(2.0)} == {COMPLETE}
    assert not any(mask.degraded for mask in played.masks)


def test_a_scene_at_rest_from_the_start_is_a_warning(make_cameras):
    played = play(make_cameras(LEARNED).pipeline, resting(), 9.0)
    assert {m.combination for m in played.since(0.5)} == {COMPLETE}
    for modality in Modality:
        health = played.reports[-1].sensors[modality]
        assert (health.reason, health.usable, health.level.name) == (Reason.STILL, True, 'WARN')
        assert health.detail.endswith('as all sensors repeat theirs: the scene is at rest')


def test_a_camera_that_starts_later_joins_the_rest(make_cameras):
    streams = resting()
    thermal = streams[THERMAL]
    streams[THERMAL] = replace(
        thermal, sends=lambda n, image: thermal.sends(n, image) if n >= 60 else None
    )
    played = play(make_cameras(LEARNED).pipeline, streams, 6.0)
    assert played.reports[-1].usable == COMPLETE
    assert Reason.FROZEN not in {r for m in Modality for r in played.reasons(m)}


@pytest.mark.parametrize('modality', [RGB, DEPTH])
@pytest.mark.parametrize('rates_hz', [(30.0, 30.0, 30.0), (30.0, 9.0, 15.0), (15.0, 9.0, 30.0)])
def test_one_that_freezes_while_another_changes_is_frozen_as_fast_as_ever(
    make_cameras, modality, rates_hz
):
    streams = {m: Stream(hz) for m, hz in zip(Modality, rates_hz, strict=True)}
    period_s = 1 / streams[modality].rate_hz
    streams[modality] = still(modality, 2.0, rate_hz=streams[modality].rate_hz)
    played = play(make_cameras(LEARNED).pipeline, streams, 4.0)
    assert Reason.STILL not in played.reasons(modality)
    assert played.first_s(modality, Reason.FROZEN, 2.0) <= max(0.3, 4 * period_s) + period_s


def test_one_that_freezes_beside_a_single_slow_camera_waits_for_what_that_says(make_cameras):
    streams = {RGB: still(RGB, 2.0), THERMAL: Stream(9.0, phase_ms=13.0)}
    played = play(make_cameras(LEARNED).pipeline, streams, 4.0)
    assert played.first_s(RGB, Reason.FROZEN, 2.0) <= 0.3 + 1.5 / 9


def test_one_that_is_still_frozen_when_the_others_drive_on_is_found(make_cameras):
    streams = resting(2.0, 5.0) | {RGB: still(RGB, 2.0)}
    played = play(make_cameras(LEARNED).pipeline, streams, 7.0)
    assert played.reasons(RGB) == [Reason.OK, Reason.STILL, Reason.FROZEN]
    assert 0.25 <= played.first_s(RGB, Reason.FROZEN, 5.0) <= 0.45
    assert played.reasons(DEPTH, 6.0) == [Reason.OK]


def test_one_that_was_frozen_before_the_scene_came_to_rest_stays_frozen(make_cameras):
    streams = resting(4.0) | {RGB: still(RGB, 2.0)}
    played = play(make_cameras(LEARNED).pipeline, streams, 8.0)
    assert played.reasons(RGB) == [Reason.OK, Reason.FROZEN]
    assert played.reports[-1].usable == ModalitySet([THERMAL, DEPTH])


def test_a_change_that_one_camera_alone_sees_ends_no_rest(make_cameras):
    """A lamp that blinks once a second, in the picture of RGB."""
    blinking = Stream(sends=lambda n, image: raw(RGB, image.stamp_ns, 7 if n % 30 else 8))
    played = play(make_cameras(LEARNED).pipeline, resting() | {RGB: blinking}, 6.0)
    reasons = {r for m in Modality for r in played.reasons(m, 0.5)}
    assert reasons <= {Reason.OK, Reason.STILL}


def test_the_only_camera_that_lives_is_frozen_but_makes_masks(make_cameras):
    played = play(make_cameras(LEARNED).pipeline, {DEPTH: still(DEPTH, 1.0)}, 3.0)
    assert played.reasons(DEPTH) == [Reason.OK, Reason.FROZEN]
    assert len(played.masks) >= 88
    assert {mask.combination for mask in played.masks} == {ModalitySet([DEPTH])}
    assert {mask.degraded for mask in played.since(1.5)} == {ModalitySet([DEPTH])}


def test_the_check_can_be_switched_off(make_cameras):
    off = {f'monitor.{m}.frozen_frames': 0 for m in Modality}
    played = play(make_cameras(with_values(LEARNED, off)).pipeline, {DEPTH: still(DEPTH)}, 3.0)
    assert played.reasons(DEPTH) == [Reason.OK]


def test_a_shutter_is_one_as_long_as_others_see_the_scene_move(make_cameras):
    streams = dict.fromkeys(Modality, Stream()) | {THERMAL: still(THERMAL, 2.0, 4.0)}
    played = play(make_cameras(LEARNED).pipeline, streams, 6.0)
    assert played.reasons(THERMAL, 1.0) == [Reason.OK, Reason.FFC, Reason.OK]
    assert played.reasons(RGB) == [Reason.OK]


def test_a_camera_that_comes_back_to_a_scene_at_rest_is_used_again(make_cameras):
    streams = resting()
    rgb = streams[RGB]
    streams[RGB] = replace(
        rgb, sends=lambda n, image: rgb.sends(n, image) if not 60 <= n < 90 else None
    )
    played = play(make_cameras(LEARNED).pipeline, streams, 6.0)
    assert played.reports[-1].usable == COMPLETE
