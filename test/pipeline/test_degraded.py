# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Readable beats unlabeled: what is made of cameras of which none is as it should be."""

from dataclasses import replace

from cameras import config, DEPTH, NONE, raw, RGB, START_NS, THERMAL
from played import combinations_of, play, Stream
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import with_values

RATES = {f'inputs.{m}.expected_rate_hz': 30.0 for m in Modality}


def given(**values):
    return with_values(Config(), {**RATES, **{k.replace('__', '.'): v for k, v in values.items()}})


def test_cameras_at_half_the_given_rate_make_marked_masks(make_cameras):
    played = play(make_cameras(given()).pipeline, dict.fromkeys(Modality, Stream(14.0)), 10)
    assert len(played.masks) >= 138
    assert sum(mask.combination == NONE for mask in played.masks) == 0
    late = played.since(2.0)
    assert combinations_of(played, 2.0) == {COMPLETE}
    assert {mask.degraded for mask in late} == {COMPLETE}
    assert played.switches <= 2
    assert not played.masks[0].degraded


def test_the_sentence_of_slow_names_the_given_rate(make_cameras):
    played = play(make_cameras(given()).pipeline, dict.fromkeys(Modality, Stream(14.0)), 3)
    (detail,) = played.details(RGB, Reason.SLOW)
    assert detail == (
        '14.0 frames per second; expected 30; if this is the rate of the camera, set '
        'inputs.rgb.expected_rate_hz to it, or to 0 to have it learned'
    )


def test_of_lost_messages_slow_never_says_to_change_the_rate(make_cameras):
    streams = dict.fromkeys(Modality, Stream(14.0)) | {RGB: Stream(14.0, reported_lost=1)}
    played = play(make_cameras(given()).pipeline, streams, 3)
    assert played.details(RGB, Reason.SLOW)
    assert played.details(THERMAL, Reason.SLOW)
    assert not any('expected_rate_hz' in text for text in played.details(RGB, Reason.SLOW))


def test_nor_if_some_images_come_at_the_full_rate(make_cameras):
    """Of every seven images three come, two in a row: the camera has 30 Hz, the way loses them."""
    gaps = Stream(sends=lambda number, image: image if number % 7 in (0, 1, 4) else None)
    played = play(make_cameras(given()).pipeline, {RGB: gaps, DEPTH: Stream()}, 4)
    assert not any('expected_rate_hz' in text for text in played.details(RGB, Reason.SLOW))
    assert played.details(RGB, Reason.SLOW)


def test_a_learned_rate_is_not_advised_to_be_learned(make_cameras):
    slowing = Stream(sends=lambda number, image: image if number < 60 or number % 3 == 0 else None)
    played = play(make_cameras(Config()).pipeline, {RGB: slowing, DEPTH: Stream()}, 5)
    assert played.details(RGB, Reason.SLOW)
    assert not any('expected_rate_hz' in text for text in played.details(RGB, Reason.SLOW))


def test_a_constant_latency_makes_marked_masks_and_names_both_remedies(make_cameras):
    late = dict.fromkeys(Modality, Stream(latency_ms=600.0))
    played = play(make_cameras(Config()).pipeline, late, 6)
    assert len(played.masks) >= 178
    assert combinations_of(played, 0.2) == {COMPLETE}
    assert {mask.degraded for mask in played.since(0.2)} == {COMPLETE}
    detail = max(played.details(THERMAL, Reason.STALE), key=len)
    assert detail == (
        'frame was 0.600 s old when it came; at most 0.5 s is allowed; if images take so long, '
        'set monitor.thermal.max_age_s to 0.8; if the clocks differ, as the age is constant, '
        'synchronise them, or set inputs.thermal.stamp_offset_s to 0.600'
    )
    allowed = {f'monitor.{m}.max_age_s': 0.8 for m in Modality}
    played = play(make_cameras(with_values(Config(), allowed)).pipeline, late, 2)
    assert {mask.degraded for mask in played.masks} == {NONE}


def test_the_last_camera_is_used_although_it_is_frozen(make_cameras):
    first = raw(RGB, START_NS, 0)
    frozen = Stream(
        sends=lambda number, image: (
            image if number < 30 else replace(first, stamp_ns=image.stamp_ns)
        )
    )
    gone = Stream(sends=lambda number, image: image if number < 60 else None)
    played = play(make_cameras(Config()).pipeline, {RGB: frozen, THERMAL: gone, DEPTH: gone}, 4)
    assert combinations_of(played, 1.5) - combinations_of(played, 2.5) == {
        ModalitySet([THERMAL, DEPTH])
    }
    assert combinations_of(played, 2.5) == {ModalitySet([RGB])}
    assert {mask.degraded for mask in played.since(2.5)} == {ModalitySet([RGB])}


@pytest.mark.parametrize(('on_none', 'count'), [('unlabeled', 80), ('hold_off', 0)])
def test_what_is_refused_is_left_to_on_none(make_cameras, on_none, count):
    settings = given(policy__degraded='refuse', policy__on_none=on_none)
    played = play(make_cameras(settings).pipeline, dict.fromkeys(Modality, Stream(14.0)), 8)
    masks = played.since(2.0)
    assert len(masks) == pytest.approx(count, abs=6)
    assert all(mask.combination == NONE for mask in masks)


def test_a_forced_combination_that_is_out_of_use_is_marked_too(make_cameras):
    rig = make_cameras(config(policy__force_set='rgb'))
    rig.play(10)
    assert {mask.degraded for mask in rig.play(20, dark=True)[-10:]} == {ModalitySet([RGB])}
