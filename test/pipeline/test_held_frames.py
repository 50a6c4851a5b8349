# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A thermal camera of 10 Hz beside others of 30 Hz, while all of them turn."""

import cv2
import numpy as np
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.schema import with_values
from mm_robust_seg.stages.preprocess import prepare

RGB, THERMAL, DEPTH = Modality
PERIOD_NS, MS = 33_333_333, 1_000_000
TURN_PX = 4
NOISE = np.random.default_rng(3).random((24, 160)).astype(np.float32)
SCENE = cv2.resize(NOISE, (1600, 240), interpolation=cv2.INTER_CUBIC).clip(0, 1)


class Seeing(ScriptedEngine):
    """Keeps what it was given last."""

    def infer(self, inputs):
        self.inputs = dict(inputs)
        return super().infer(inputs)


def message(modality, number):
    """Everything is seen alike by all sensors, 4 pixels further with every period."""
    left = TURN_PX * number
    view, stamp_ns = SCENE[:, left : left + 320], number * PERIOD_NS
    if modality is RGB:
        image = np.repeat((view * 200 + 30).astype(np.uint8)[..., None], 3, axis=2)
        return RawImage(RGB, stamp_ns, 240, 320, 'rgb8', 960, image.tobytes())
    low, span = (28_500, 1500) if modality is THERMAL else (1000, 4000)
    image = (low + span * view).astype(np.uint16)
    return RawImage(modality, stamp_ns, 240, 320, '16UC1', 640, image.tobytes())


def masks_of(bundle, turns, **values):
    """Return each mask, what the network saw of thermal, and what it should have seen."""
    engine, inputs = Seeing(), load_bundle(bundle).inputs
    settings = with_values(Config(), {k.replace('__', '.'): v for k, v in values.items()})
    pipeline, seen = Pipeline(settings, inputs, engine, 0), []
    for number in range(turns):
        for modality in Modality:
            now_ns = number * PERIOD_NS + (modality.value == 'depth') * MS
            if modality is not THERMAL or number % 3 == 0:
                pipeline.offer(message(modality, number), now_ns)
        if mask := pipeline.step(now_ns):
            due = pipeline.decode(message(THERMAL, round(mask.stamp_ns / PERIOD_NS)), now_ns)
            truth = prepare({THERMAL: due}, inputs)[THERMAL]
            seen.append((mask, engine.inputs.get(THERMAL), truth))
    return seen[turns // 2 :]


def errors(seen):
    """The mean difference to what should have been seen, of masks with a held thermal image."""
    held = [(given, due) for mask, given, due in seen if mask.frames.ages_s[THERMAL] > 0.02]
    assert len(held) > 10
    return np.mean([np.abs(given - due)[..., 8:-8].mean() for given, due in held])


@pytest.fixture(scope='module')
def plain(tiny_bundle):
    return masks_of(tiny_bundle, 60, sync__held_frames='plain')


def test_a_held_image_takes_part_as_it_is(plain):
    assert all(len(mask.combination) == 3 for mask, _, _ in plain)


def test_a_held_image_is_moved_with_the_scene_by_default(tiny_bundle, plain):
    moved = masks_of(tiny_bundle, 60)
    assert all(len(mask.combination) == 3 for mask, _, _ in moved)
    assert errors(moved) < 0.4 * errors(plain)


def test_off_leaves_out_a_sensor_without_a_frame_of_the_moment(tiny_bundle):
    without = masks_of(tiny_bundle, 60, sync__held_frames='off')
    members = [str(mask.combination) for mask, _, _ in without]
    assert set(members[::3]) != set(members[1::3])
    assert members.count('rgb+thermal+depth') == len(members) // 3
    assert members.count('rgb+depth') == len(members) - len(members) // 3


def test_the_choice_is_live(tiny_bundle):
    engine = Seeing()
    pipeline = Pipeline(Config(), load_bundle(tiny_bundle).inputs, engine, 0)
    pipeline.reconfigure(with_values(Config(), {'sync.held_frames': 'off'}))
    made = set()
    for number in range(60):
        for modality in Modality:
            if modality is not THERMAL or number % 3 == 0:
                pipeline.offer(message(modality, number), number * PERIOD_NS)
        if mask := pipeline.step(number * PERIOD_NS):
            made.add(str(mask.combination))
    assert made >= {'rgb+depth', 'rgb+thermal+depth'}
