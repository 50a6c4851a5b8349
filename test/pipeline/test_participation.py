# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the state says the masks are made of."""

from cameras import raw, START_NS
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.schema import with_values

RGB, THERMAL, DEPTH = Modality
MS = 1_000_000


@pytest.fixture
def play(tiny_bundle):
    """Play 6 s of cameras; return the report at the end, the masks, and all that was warned of."""

    def play(thermal_hz=30.0, phase_ms=0.0, latency_ms=5.0, **values):
        settings = with_values(Config(), {k.replace('__', '.'): v for k, v in values.items()})
        pipeline = Pipeline(settings, load_bundle(tiny_bundle).inputs, ScriptedEngine(), START_NS)
        rates_hz = {RGB: 30.0, THERMAL: thermal_hz, DEPTH: 30.0}
        coming = []
        for modality, rate_hz in rates_hz.items():
            for number in range(int(6 * rate_hz)):
                is_thermal = modality is THERMAL
                stamp_ns = START_NS + round(number * 1e9 / rate_hz + is_thermal * phase_ms * MS)
                arrival_ns = stamp_ns + round((latency_ms if is_thermal else 5.0) * MS)
                coming.append((arrival_ns, modality, stamp_ns))
        masks, warned = [], set()
        for arrival_ns, modality, stamp_ns in sorted(coming, key=lambda item: item[0]):
            while (due_ns := pipeline.next_deadline_ns) is not None and due_ns < arrival_ns:
                masks.append(pipeline.step(due_ns))
            pipeline.offer(raw(modality, stamp_ns, stamp_ns // MS), arrival_ns)
            masks.append(pipeline.step(arrival_ns))
            warned |= {h.reason for h in pipeline.assess(arrival_ns).sensors.values()}
        return pipeline.assess(arrival_ns), [mask for mask in masks if mask], warned

    return play


def test_shares_ages_and_latencies_are_those_of_the_masks(play):
    report, masks, warned = play(thermal_hz=9.0, latency_ms=30.0)
    assert set(report.taking_part) == set(Modality)
    thermal, depth = report.taking_part[THERMAL], report.taking_part[DEPTH]
    last = [mask for mask in masks if mask.stamp_ns > masks[-1].stamp_ns - 2_000_000_000]
    ages_s = sorted(mask.frames.ages_s[THERMAL] for mask in last)
    assert thermal.share == depth.share == 1
    assert thermal.age_s == pytest.approx(ages_s[len(ages_s) // 2], abs=0.02)
    assert thermal.age_s > 0.04 and depth.age_s == 0
    assert thermal.latency_s == pytest.approx(0.03) and depth.latency_s == pytest.approx(0.005)
    assert not warned & {Reason.UNMATCHED, Reason.SLOW, Reason.SKEW}


def test_without_masks_nothing_is_said(play):
    report, masks, _ = play(output__max_rate_hz=0.05)
    assert len(masks) == 1
    assert report.taking_part == {}


@pytest.mark.parametrize(
    ('rig', 'values', 'advice'),
    [
        (
            {'thermal_hz': 9.0, 'phase_ms': 13.0},
            {'sync__held_frames': 'off'},
            'set sync.held_frames to motion or plain',
        ),
        (
            {'thermal_hz': 5.0, 'latency_ms': 30.0},
            {'inputs__thermal__hold_s': 0.02},
            'raise inputs.thermal.hold_s to 0.1',
        ),
        (
            {'thermal_hz': 30.0, 'phase_ms': 16.0},
            {'sync__max_skew_s': 0.004},
            'raise sync.max_skew_s to 0.0',
        ),
    ],
)
def test_a_sensor_in_use_that_is_in_no_mask_is_named_with_what_would_help(
    play, rig, values, advice
):
    report, masks, _ = play(**rig, **values)
    share = sum(THERMAL in mask.combination for mask in masks[-60:]) / 60
    assert share < 0.5
    health, part = report.sensors[THERMAL], report.taking_part[THERMAL]
    assert (health.reason, health.usable) == (Reason.UNMATCHED, True)
    assert advice in health.detail
    assert part.share == pytest.approx(share, abs=0.05)
    assert report.sensors[RGB].reason is report.sensors[DEPTH].reason is Reason.OK


def test_the_value_that_is_named_helps(play):
    report, _, _ = play(thermal_hz=5.0, latency_ms=30.0, inputs__thermal__hold_s=0.02)
    value = float(report.sensors[THERMAL].detail.split('hold_s to ')[1].split(',')[0])
    mended, _, _ = play(thermal_hz=5.0, latency_ms=30.0, inputs__thermal__hold_s=value)
    assert mended.taking_part[THERMAL].share > report.taking_part[THERMAL].share + 0.3


def test_a_stream_that_is_a_second_behind_is_not_passed_over_in_silence(play):
    report, _, _ = play(phase_ms=-1000.0, latency_ms=1005.0, monitor__thermal__max_age_s=5.0)
    health = report.sensors[THERMAL]
    assert health.reason in (Reason.SKEW, Reason.UNMATCHED)
    assert 'inputs.thermal.stamp_offset_s' in health.detail


def test_a_sensor_that_nobody_wants_is_not_missed(play):
    report, _, warned = play(policy__force_set='rgb+depth')
    assert report.taking_part[THERMAL].share == 0
    assert Reason.UNMATCHED not in warned
