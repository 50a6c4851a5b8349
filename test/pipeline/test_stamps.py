# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Cameras whose drivers stamp their images by clocks of their own."""

from cameras import raw, START_NS
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.schema import with_values

RGB, THERMAL, DEPTH = Modality
MS, PERIOD_NS = 1_000_000, 33_333_333


@pytest.fixture
def play(tiny_bundle):
    """Play 3 s of cameras whose stamps are off by so much; return the masks and the pipeline."""

    def play(off_ns, **values):
        settings = with_values(Config(), {k.replace('__', '.'): v for k, v in values.items()})
        inputs = load_bundle(tiny_bundle).inputs
        pipeline, masks = Pipeline(settings, inputs, ScriptedEngine(), START_NS), []
        for number in range(90):
            stamp_ns = START_NS + number * PERIOD_NS
            for delay, modality in enumerate(Modality):
                image = raw(modality, stamp_ns + off_ns.get(modality, 0), 3 * number + delay)
                pipeline.offer(image, stamp_ns + (5 + delay) * MS)
                masks.append(pipeline.step(stamp_ns + (5 + delay) * MS))
        return [mask for mask in masks if mask][30:], pipeline

    return play


def are_complete(masks):
    return len(masks) > 50 and all(str(m.combination) == 'rgb+thermal+depth' for m in masks)


@pytest.mark.parametrize('offset_s', [0.1, -3.0, 1.7e9, -1.7e9])
def test_an_offset_of_any_size_matches_and_leaves_the_stamps_alone(play, offset_s):
    off_ns = -round(offset_s * 1e9)
    masks, _ = play(
        {THERMAL: off_ns, RGB: off_ns},
        inputs__thermal__stamp_offset_s=offset_s,
        inputs__rgb__stamp_offset_s=offset_s,
    )
    assert are_complete(masks)
    for mask in masks:
        assert mask.reference.modality is RGB
        assert mask.header_stamp_ns == mask.reference.header_stamp_ns
        assert abs(mask.stamp_ns + off_ns - mask.header_stamp_ns) < MS
        assert (mask.header_stamp_ns - off_ns - START_NS) % PERIOD_NS == 0


@pytest.mark.parametrize('sensor', [RGB, THERMAL])
def test_a_driver_without_a_clock_is_stamped_by_its_arrival(play, sensor):
    values = {f'inputs__{sensor}__stamp': 'arrival'}
    masks, pipeline = play({sensor: -START_NS}, **values)
    assert are_complete(masks)
    assert pipeline.assess(masks[-1].report.now_ns).sensors[sensor].level == 0
    if sensor is RGB:
        assert masks[-1].header_stamp_ns < 90 * PERIOD_NS, 'as its driver says'


def test_without_a_word_about_its_clock_it_is_refused_and_told_what_would_help(play):
    masks, _ = play({THERMAL: -START_NS})
    health = masks[-1].report.sensors[THERMAL]
    assert not health.usable
    assert 'inputs.thermal.stamp to arrival' in health.detail
    assert {str(mask.combination) for mask in masks} == {'rgb+depth'}
