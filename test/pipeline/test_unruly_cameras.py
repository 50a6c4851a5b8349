# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A thermal camera that changes its ways costs no other sensor anything."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from cameras import raw, START_NS
import cv2
import numpy as np
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage, Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.schema import with_values

RGB, THERMAL, DEPTH = Modality
MS, LENGTH_S, CHANGE_S = 1_000_000, 9.0, 3.0


@dataclass
class Run:
    """What came of it, by the time of the masks in s."""

    masks: list
    reasons: list

    def between(self, from_s, to_s):
        return [mask for at_s, mask in self.masks if from_s <= at_s < to_s]

    def said(self, modality):
        return {reasons[modality] for _, reasons in self.reasons}


@pytest.fixture(scope='module')
def play(tiny_bundle):
    """Play cameras at 30 Hz, and thermal as told: pairs of (arrival in s, message)."""

    def play(thermal, **values):
        settings = with_values(Config(), {k.replace('__', '.'): v for k, v in values.items()})
        pipeline = Pipeline(settings, load_bundle(tiny_bundle).inputs, ScriptedEngine(), START_NS)
        steady = [
            (number / 30 + 0.005, raw(modality, at(number / 30), 2 * number + turn))
            for number in range(int(30 * LENGTH_S))
            for turn, modality in enumerate((RGB, DEPTH))
        ]
        run = Run([], [])
        for arrival_s, message in sorted([*steady, *thermal], key=lambda item: item[0]):
            now_ns = at(arrival_s)
            for due_ns in iter(lambda: due(pipeline, now_ns), None):  # noqa: B023
                note(run, pipeline, due_ns)
            pipeline.offer(message, now_ns)
            note(run, pipeline, now_ns)
        return run

    return play


def due(pipeline, now_ns):
    deadline_ns = pipeline.next_deadline_ns
    return deadline_ns if deadline_ns is not None and deadline_ns < now_ns else None


def note(run, pipeline, now_ns):
    if mask := pipeline.step(now_ns):
        run.masks.append(((now_ns - START_NS) * 1e-9, mask))
    sensors = pipeline.assess(now_ns).sensors
    run.reasons.append((now_ns, {m: health.reason for m, health in sensors.items()}))


def at(time_s):
    return START_NS + round(time_s * 1e9)


def stream(rate_hz, from_s=0.0, to_s=LENGTH_S, stamp_off_s=0.0, latency_s=0.01, size=None):
    found = []
    for number in range(int((to_s - from_s) * rate_hz)):
        time_s = from_s + number / rate_hz
        message = raw(THERMAL, at(time_s + stamp_off_s), 100_000 + round(1000 * time_s))
        found.append((time_s + latency_s, resized(message, size) if size else message))
    return found


def resized(message, size):
    pixels = np.frombuffer(message.data, np.uint16).reshape(message.height_px, message.width_px)
    larger = cv2.resize(pixels, size)
    width, height = size
    return RawImage(THERMAL, message.stamp_ns, height, width, '16UC1', 2 * width, larger.tobytes())


@pytest.fixture(scope='module')
def run_of(play):
    """Return what came of a case, which is played once."""
    return cache(lambda name: play(CASES[name]))


CASES = {
    'slower': stream(30, to_s=CHANGE_S) + stream(18, CHANGE_S),
    'faster': stream(9, to_s=CHANGE_S) + stream(30, CHANGE_S),
    'late': stream(9, CHANGE_S),
    'restarted in another size': stream(9, to_s=CHANGE_S) + stream(9, CHANGE_S + 1, size=(80, 60)),
    'stamps jump ahead': stream(9, to_s=CHANGE_S) + stream(9, CHANGE_S, stamp_off_s=7.0),
    'stamps jump back': stream(9, to_s=CHANGE_S) + stream(9, CHANGE_S, stamp_off_s=-7.0),
    'another time scale': stream(9, stamp_off_s=-1e6),
    'dies': stream(9, to_s=CHANGE_S),
    'later': stream(9, to_s=CHANGE_S) + stream(9, CHANGE_S, latency_s=0.09),
}


@pytest.mark.parametrize('name', CASES)
def test_the_others_make_a_mask_of_every_rgb_image(run_of, name):
    run = run_of(name)
    masks = run.between(1.0, LENGTH_S - 0.1)
    assert len(masks) == pytest.approx(30 * (LENGTH_S - 1.1), abs=2)
    stamps = [mask.stamp_ns for mask in masks]
    assert all(earlier < later for earlier, later in pairwise(stamps))
    for mask in masks:
        assert mask.combination >= {RGB, DEPTH} and mask.reference.modality is RGB
    for modality in (RGB, DEPTH):
        assert run.said(modality) <= {Reason.OK, Reason.WAITING}


@pytest.mark.parametrize(
    'name', ['slower', 'faster', 'late', 'restarted in another size', 'later']
)
def test_it_takes_part_again_once_its_ways_are_known(run_of, name):
    masks = run_of(name).between(LENGTH_S - 2, LENGTH_S - 0.2)
    assert np.mean([THERMAL in mask.combination for mask in masks]) > 0.95


def test_a_camera_that_died_is_held_no_longer_than_its_life(play):
    run = play(CASES['dies'], inputs__thermal__hold_s=9.0)
    assert Reason.SILENT in run.said(THERMAL)
    assert not any(THERMAL in mask.combination for mask in run.between(CHANGE_S + 1, LENGTH_S))


def test_a_camera_that_dies_slowly_is_not_learned_down_to(play):
    times_s = [0.0]
    while times_s[-1] < LENGTH_S:
        times_s.append(times_s[-1] + 0.033 * max(1.0, times_s[-1] / 4) ** 2)
    dying = [
        (time_s + 0.01, raw(THERMAL, at(time_s), 100_000 + round(1e3 * time_s)))
        for time_s in times_s
    ]
    assert play(dying).said(THERMAL) & {Reason.SLOW, Reason.SILENT}
