# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The whole core, driven by images and the time: what a robot would see."""

from dataclasses import replace
from itertools import pairwise

from cameras import (
    Cameras,
    combinations,
    config,
    names,
    NONE,
    PERIOD_NS,
    raw,
    RGB,
    SIZES,
    START_NS,
    THERMAL,
)
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.dataflow import Frame, Reason, Rejection, UNLABELED
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet


def test_every_reference_frame_gets_one_complete_mask(make_cameras):
    masks = make_cameras().play(30)
    assert [m.stamp_ns for m in masks] == [START_NS + k * PERIOD_NS for k in range(30)]
    # The first frame of the first sensor is there before the others have ever spoken.
    assert combinations(masks[1:]) == ['rgb+thermal+depth']


def test_a_mask_has_the_size_and_header_of_its_reference(make_cameras):
    mask = make_cameras().play(5)[-1]
    assert mask.reference.modality is RGB
    assert mask.labels.shape == mask.confidence.shape == SIZES[RGB]
    assert mask.labels.dtype == mask.confidence.dtype == np.uint8
    assert (mask.labels == 3).all(), 'what the engine said'
    assert mask.inference_s == 0.01
    assert mask.frames.skew_s == 0
    assert 0 <= mask.frames.wait_s <= 0.020


def test_a_silent_sensor_costs_no_mask_and_is_left_out(make_cameras):
    rig = make_cameras()
    rig.play(20)
    masks = rig.play(20, names('rgb+depth'))
    assert len(masks) == 20, 'a set that misses a sensor is served at its deadline'
    assert combinations(masks) == ['rgb+depth']
    assert [mask.switched for mask in masks] == [True] + 19 * [False]
    assert masks[-1].report.sensors[THERMAL].reason is Reason.SILENT
    assert max(mask.frames.wait_s for mask in masks[:4]) == pytest.approx(0.020)
    assert masks[-1].frames.wait_s < 0.005, 'nobody waits for it any more'
    assert rig.pipeline.active == names('rgb+depth')


def test_a_sensor_that_returns_is_used_again_after_its_probation(make_cameras):
    rig = make_cameras()
    rig.play(10)
    rig.play(15, names('rgb+depth'))
    masks = rig.play(60)
    assert len(masks) == 60
    assert combinations(masks) == ['rgb+depth', 'rgb+thermal+depth']
    first = next(mask for mask in masks if mask.combination == COMPLETE)
    assert first.stamp_ns - masks[0].stamp_ns >= 1e9
    assert first.switched and sum(mask.switched for mask in masks) == 1


def test_without_the_reference_the_next_sensor_takes_its_place(make_cameras):
    rig = make_cameras()
    rig.play(10)
    masks = rig.play(20, names('thermal+depth'))
    assert len(masks) >= 19
    assert {mask.reference.modality for mask in masks} == {THERMAL}
    assert masks[-1].labels.shape == SIZES[THERMAL]
    assert combinations(masks) == ['thermal+depth']


def test_a_sensor_that_is_present_but_unusable_is_not_used(make_cameras):
    rig = make_cameras()
    rig.play(10)
    masks = rig.play(20, dark=True)
    assert combinations(masks) == ['rgb+thermal+depth', 'thermal+depth']
    assert masks[-1].report.sensors[RGB].reason is Reason.DARK
    assert masks[-1].reference.modality is THERMAL


def test_with_no_usable_sensor_the_mask_is_unlabeled(make_cameras):
    rig = make_cameras()
    rig.play(10)
    masks = rig.play(20, names('rgb'), dark=True)
    last = masks[-1]
    assert last.combination == NONE
    assert (last.labels == UNLABELED).all() and not last.confidence.any()
    assert last.labels.shape == SIZES[RGB]
    assert last.inference_s == 0
    assert rig.pipeline.active == NONE
    back = rig.play(90)
    assert combinations(back)[-1] == 'rgb+thermal+depth'
    assert back[-1].combination == COMPLETE and sum(m.switched for m in back) >= 1


def test_with_no_usable_sensor_nothing_is_published_when_asked(make_cameras):
    rig = make_cameras(config(policy__on_none='hold_off'))
    rig.play(10)
    rig.play(10, names('rgb'), dark=True)
    assert rig.play(20, names('rgb'), dark=True) == []


def test_the_combination_is_true_while_nobody_takes_masks(make_cameras):
    rig = make_cameras()
    rig.play(5)
    for tick in range(75):  # all at once: half a second later than one alone
        rig.pipeline.assess(rig.now_ns + tick * 10_000_000)
    assert rig.pipeline.active == NONE


def test_a_required_sensor_stops_the_masks_while_it_is_out(make_cameras):
    rig = make_cameras(config(inputs__thermal__required=True))
    assert len(rig.play(10)) >= 9
    rig.play(10, names('rgb+depth'))
    assert rig.play(20, names('rgb+depth')) == []
    assert rig.play(60)[-1].combination == COMPLETE


def test_a_forced_combination_runs_whatever_else_is_there(make_cameras):
    masks = make_cameras(config(policy__force_set='rgb')).play(10)
    assert combinations(masks) == ['rgb']
    assert len(masks) == 10


def test_a_forced_combination_runs_even_on_bad_images(make_cameras):
    rig = make_cameras(config(policy__force_set='rgb'))
    rig.play(10)
    masks = rig.play(20, dark=True)
    assert combinations(masks) == ['rgb'] and len(masks) == 20
    assert masks[-1].report.sensors[RGB].reason is Reason.DARK


@pytest.mark.parametrize(('on_none', 'count'), [('unlabeled', 20), ('hold_off', 0)])
def test_with_nothing_left_of_a_forced_combination_on_none_decides(make_cameras, on_none, count):
    rig = make_cameras(config(policy__force_set='rgb+depth', policy__on_none=on_none))
    rig.play(10)
    assert combinations(rig.play(20, names('rgb+thermal')))[-1] == 'rgb', 'rgb is left'
    rig.play(10, names('thermal'))
    masks = rig.play(20, names('thermal'))
    assert len(masks) == count
    assert all((mask.labels == UNLABELED).all() for mask in masks)
    assert combinations(rig.play(20))[-1] == 'rgb+depth'


def test_the_rate_is_bounded_and_the_rest_counted(make_cameras):
    rig = make_cameras(config(output__max_rate_hz=10.0))
    masks = rig.play(90)
    assert 29 <= len(masks) <= 32
    assert rig.pipeline.counters['rate_limited'] == 90 - len(masks)
    newest = [mask.stamp_ns for mask in masks]
    assert all(later - earlier >= 2 * PERIOD_NS for earlier, later in pairwise(newest))


def test_a_disabled_sensor_is_ignored(make_cameras):
    engine = ScriptedEngine(combinations=all_combinations(names('rgb+depth')))
    rig = make_cameras(config(inputs__thermal__enabled=False), engine)
    masks = rig.play(10)
    assert combinations(masks[1:]) == ['rgb+depth']
    assert masks[-1].report.sensors[THERMAL].reason is Reason.DISABLED


def test_offer_says_what_became_of_a_message(make_cameras):
    pipeline = make_cameras().pipeline
    good = raw(RGB, START_NS, 1)
    assert isinstance(pipeline.offer(good, START_NS), Frame)
    rejection = pipeline.offer(replace(good, encoding='32SC4'), START_NS)
    assert isinstance(rejection, Rejection) and rejection.reason is Reason.FORMAT


@settings(max_examples=30, deadline=None)
@given(arrivals=st.lists(st.sets(st.sampled_from(list(Modality))), min_size=1, max_size=40))
def test_whatever_is_lost_masks_are_new_and_made_of_what_came(make_cameras, arrivals):
    rig = make_cameras()
    masks = [mask for sensors in arrivals for mask in rig.play(1, ModalitySet(sensors))]
    masks += rig.play(10, NONE)
    for mask in masks:
        turn = round((mask.stamp_ns - START_NS) / PERIOD_NS)
        assert mask.combination <= ModalitySet(arrivals[turn])
        assert mask.reference.modality in (mask.combination or arrivals[turn])
        assert bool(mask.combination) != (mask.labels == UNLABELED).all()
    stamps = [mask.stamp_ns for mask in masks]
    assert stamps == sorted(set(stamps))
    assert rig.play(5, NONE) == []


@pytest.mark.parametrize('backend', ['openvino', 'onnxruntime'])
def test_the_same_with_a_real_bundle_and_runtime(tiny_bundle, backend):
    settings = config(engine__backend=backend, engine__threads=1)
    pipeline, engine = build_pipeline(settings, load_bundle(tiny_bundle), START_NS)
    rig = Cameras(pipeline)
    masks = rig.play(10) + rig.play(10, names('thermal+depth')) + rig.play(10, names('depth'))
    assert len(masks) >= 28
    assert combinations(masks[1:]) == ['rgb+thermal+depth', 'thermal+depth', 'depth']
    for mask in masks:
        assert mask.labels.shape == mask.reference.image.shape[:2]
        assert mask.labels.max() < 5 and mask.confidence.any()
        assert mask.inference_s > 0
    assert len(np.unique(masks[9].labels)) == 5
    engine.close()
    with pytest.raises(EngineError, match='closed'):
        rig.play(2)
