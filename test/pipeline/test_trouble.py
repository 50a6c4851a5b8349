# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The core when messages, clocks, the engine or the configuration misbehave."""

from dataclasses import replace

from cameras import (
    Cameras,
    combinations,
    config,
    DEPTH,
    names,
    PERIOD_NS,
    raw,
    RGB,
    START_NS,
    THERMAL,
)
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.errors import ConfigError, EngineError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.transport import ClockPaused, IncompatibleQos, LostMessages, PublisherCount


@pytest.mark.parametrize(
    'broken',
    [
        {'data': b''},
        {'step_bytes': 3},
        {'height_px': 2**32},
        {'width_px': 0, 'height_px': 0},
        {'encoding': 'compressed jpeg', 'data': b'no jpeg'},
    ],
    ids=str,
)
def test_three_malformed_messages_take_their_sensor_out_and_no_more(make_cameras, broken):
    rig = make_cameras()
    rig.play(10)
    masks = []
    for number in range(3):
        assert rig.pipeline.assess(rig.now_ns).sensors[DEPTH].usable, number
        rig.pipeline.offer(replace(raw(DEPTH, rig.now_ns, 0), **broken), rig.now_ns)
        assert rig.pipeline.assess(rig.now_ns).usable >= names('rgb+thermal')
        masks += rig.play(1, names('rgb+thermal'))
    assert not rig.pipeline.assess(rig.now_ns).sensors[DEPTH].usable
    assert len(masks) == 3
    assert combinations(masks) == ['rgb+thermal'], 'nothing is made of such a message'


@pytest.mark.parametrize('jump_s', [-30.0, -0.5, 5.0, 3600.0])
def test_after_a_jump_of_the_clock_masks_go_on_and_no_sensor_is_blamed(make_cameras, jump_s):
    engine = ScriptedEngine()
    rig = make_cameras(engine=engine)
    rig.play(20)
    rig.now_ns += round(jump_s * 1e9)
    masks = rig.play(20)
    assert len(masks) >= 19
    assert {m.reason for m in masks[-1].report.sensors.values()} == {Reason.OK}
    assert masks[-1].combination == COMPLETE
    assert rig.pipeline.counters['clock_jumps'] == 1
    assert masks[-1].stamp_ns == rig.now_ns - PERIOD_NS


def test_a_bag_that_begins_anew_flushes_too(make_cameras):
    """Stamps go back while the clock goes on, as in a looped replay without /clock."""
    rig = make_cameras(config(**{f'monitor__{m}__max_age_s': 60.0 for m in Modality}))
    masks = []
    for loop in range(2):
        for k in range(20):
            now_ns = START_NS + (20 * loop + k) * PERIOD_NS
            for m in Modality:
                rig.pipeline.offer(raw(m, START_NS + k * PERIOD_NS, 60 * loop + 3 * k), now_ns)
            masks.append(rig.pipeline.step(now_ns))
    assert rig.pipeline.counters['clock_jumps'] == 1
    assert sum(mask is not None for mask in masks[20:]) >= 18
    assert masks[-1].combination == COMPLETE


def test_time_standing_still_is_harmless(make_cameras):
    rig = make_cameras()
    rig.play(5)
    stamp_ns = rig.now_ns
    for m in Modality:
        rig.pipeline.offer(raw(m, stamp_ns, int(m is RGB)), rig.now_ns)
    assert sum(rig.pipeline.step(rig.now_ns) is not None for _ in range(10)) == 1


def test_reset_forgets_frames_but_keeps_the_engine(make_cameras):
    engine = ScriptedEngine()
    rig = make_cameras(engine=engine)
    rig.play(5)
    rig.pipeline.offer(raw(RGB, rig.now_ns, 1), rig.now_ns)
    rig.pipeline.reset(rig.now_ns)
    assert rig.pipeline.step(rig.now_ns + 30_000_000) is None
    assert rig.pipeline.next_deadline_ns is None
    reasons = {s.reason for s in rig.pipeline.assess(rig.now_ns).sensors.values()}
    assert reasons == {Reason.WAITING}


def test_the_next_deadline_is_when_a_set_is_given(make_cameras):
    rig = make_cameras()
    rig.play(5)
    arrival_ns = rig.now_ns + 1_000_000
    rig.pipeline.offer(raw(RGB, rig.now_ns, 9), arrival_ns)
    deadline_ns = rig.pipeline.next_deadline_ns
    assert deadline_ns == arrival_ns + 20_000_000
    assert rig.pipeline.step(deadline_ns - 1) is None
    assert rig.pipeline.step(deadline_ns).combination == names('rgb')


def test_one_failed_inference_costs_nothing_but_time(make_cameras):
    engine = ScriptedEngine()
    rig = make_cameras(engine=engine)
    rig.play(5)
    engine.failures = [COMPLETE]
    masks = rig.play(5)
    assert len(masks) == 5
    assert combinations(masks) == ['rgb+thermal+depth']
    assert rig.pipeline.counters['engine_failures'] == 1


def test_a_graph_that_keeps_failing_is_replaced_by_a_smaller_one(make_cameras):
    engine = ScriptedEngine()
    rig = make_cameras(engine=engine)
    rig.play(5)
    engine.failures = [COMPLETE, COMPLETE]
    masks = rig.play(3)
    assert combinations(masks) == ['rgb+thermal', 'rgb+thermal+depth']
    assert [mask.switched for mask in masks] == [True, True, False]


def test_when_nothing_runs_the_error_reaches_the_caller_and_the_next_mask_comes(make_cameras):
    engine = ScriptedEngine()
    rig = make_cameras(engine=engine)
    rig.play(5)
    engine.failures = [COMPLETE, COMPLETE, names('rgb+thermal')]
    with pytest.raises(EngineError, match='inference failed with'):
        rig.play(1)
    assert len(Cameras(rig.pipeline, rig.now_ns + PERIOD_NS).play(3)) == 3


@pytest.mark.parametrize(
    'values', [{'inputs__depth__enabled': False}, {'engine__threads': 1}], ids=str
)
def test_engine_and_inputs_cannot_change_while_running(make_cameras, values):
    with pytest.raises(ConfigError, match='cannot change while the pipeline runs'):
        make_cameras(config()).pipeline.reconfigure(config(**values))


def test_live_parameters_take_effect_without_losing_a_mask(make_cameras):
    rig = make_cameras(config())
    rig.play(10)
    rig.pipeline.reconfigure(config(policy__force_set='rgb+depth', sync__reference='depth'))
    masks = rig.play(10)
    assert len(masks) == 10
    assert combinations(masks) == ['rgb+depth']
    assert masks[-1].reference.modality is DEPTH
    rig.pipeline.reconfigure(config(output__max_rate_hz=10.0))
    assert len(rig.play(30)) == pytest.approx(10, abs=1)


def test_a_sensor_that_must_wait_waits_on_when_parameters_change(make_cameras):
    values = {'hysteresis__min_dwell_s': 5.0, 'hysteresis__recover_s': 0.0}
    rig = make_cameras(config(**values))
    rig.play(10)
    rig.play(10, names('rgb+depth'))
    rig.play(30)
    assert THERMAL in rig.pipeline.assess(rig.now_ns).usable
    rig.pipeline.reconfigure(config(**values, monitor__rgb__dark_mean=2.0))
    assert combinations(rig.play(10)) == ['rgb+depth']
    assert combinations(rig.play(120))[-1] == 'rgb+thermal+depth'


def test_the_rate_stays_bounded_while_other_parameters_change(make_cameras):
    rig = make_cameras(config(output__max_rate_hz=5.0))
    masks = []
    for number in range(30):
        rig.pipeline.reconfigure(
            config(output__max_rate_hz=5.0, monitor__rgb__dark_mean=2.0 + number % 2)
        )
        masks += rig.play(1)
    assert len(masks) == pytest.approx(5, abs=1)


def test_counters_go_on_when_parameters_change(make_cameras):
    rig = make_cameras(config())
    rig.play(10)
    old = raw(DEPTH, rig.now_ns - 2 * PERIOD_NS, 900)
    rig.pipeline.offer(old, rig.now_ns)
    before = dict(rig.pipeline.counters)
    assert before['late'] > 0
    rig.pipeline.reconfigure(config(sync__wait_s=0.01))
    assert rig.pipeline.counters == before
    rig.pipeline.offer(raw(DEPTH, rig.now_ns, 901), rig.now_ns)
    rig.pipeline.offer(raw(DEPTH, rig.now_ns, 902), rig.now_ns)
    assert rig.pipeline.counters['late'] == before['late'] + 1


def test_a_refused_parameter_changes_nothing(make_cameras):
    engine = ScriptedEngine(combinations=(COMPLETE, names('rgb')))
    rig = make_cameras(config(), engine)
    rig.play(5)
    with pytest.raises(ConfigError, match=r'force_set is rgb\+depth, which the bundle cannot'):
        refused = config(policy__force_set='rgb+depth', output__max_rate_hz=1.0)
        rig.pipeline.reconfigure(refused)
    assert len(rig.play(10)) == 10


def test_what_the_middleware_tells_reaches_the_verdicts(make_cameras):
    rig = make_cameras()
    rig.play(10)
    rig.pipeline.note(IncompatibleQos(RGB, 'RELIABILITY'), rig.now_ns)
    rig.pipeline.note(LostMessages(DEPTH, 4), rig.now_ns)
    rig.pipeline.note(PublisherCount(Modality.THERMAL, 0), rig.now_ns)
    rig.play(10, ModalitySet())
    sensors = rig.pipeline.assess(rig.now_ns).sensors
    assert {m: health.reason for m, health in sensors.items()} == {
        RGB: Reason.QOS,
        Modality.THERMAL: Reason.GONE,
        DEPTH: Reason.SILENT,
    }
    assert '4 messages were lost' in sensors[DEPTH].detail


def test_a_paused_clock_changes_nothing(make_cameras):
    rig = make_cameras()
    rig.play(10)
    rig.pipeline.note(ClockPaused(), rig.now_ns)
    rig.now_ns += 900_000_000
    masks = rig.play(10)
    assert {h.reason for m in masks for h in m.report.sensors.values()} == {Reason.OK}
    assert combinations(masks) == ['rgb+thermal+depth']


@pytest.mark.parametrize('modality', list(Modality))
@pytest.mark.parametrize('ahead_s', [0.2, 3.0, 1e6])
def test_one_stamp_from_the_future_costs_no_mask(make_cameras, modality, ahead_s):
    """It used to make every later frame of the sensor, or of all, count as late."""
    rig = make_cameras()
    rig.play(20)
    rig.pipeline.offer(raw(modality, rig.now_ns + round(ahead_s * 1e9), 0), rig.now_ns)
    masks = rig.play(20)
    assert len(masks) == 20
    assert combinations(masks) == ['rgb+thermal+depth']


@pytest.mark.parametrize('ahead_s', [0.3, 5.0, 3600.0])
def test_with_all_stamps_in_the_future_masks_are_unlabeled_until_one_is_of_the_present(
    make_cameras, ahead_s
):
    rig = make_cameras()
    rig.play(20)
    rig.play(40, ahead_s=ahead_s)
    masks = rig.play(20, ahead_s=ahead_s)
    assert len(masks) == 20
    assert combinations(masks) == ['none']
    assert masks[-1].stamp_ns == rig.now_ns - PERIOD_NS + round(ahead_s * 1e9)
    masks = rig.play(40)
    assert len(masks) >= 40
    assert masks[0].combination and masks[-1].combination == COMPLETE


def test_a_sensor_of_the_present_keeps_those_in_the_future_out_even_if_it_is_dark(make_cameras):
    rig = make_cameras(config(sync__wait_s=0.0, sync__reference='depth'))
    rig.play(20, names('rgb'))
    rig.play(5, names('rgb'), dark=True)
    for number in range(60):
        stamp_ns = rig.now_ns
        rig.pipeline.offer(raw(DEPTH, stamp_ns + 5_000_000_000, number), stamp_ns)
        assert rig.pipeline.step(stamp_ns) is None
        [mask] = rig.play(1, names('rgb'), dark=True)
        assert (mask.stamp_ns, mask.combination) == (stamp_ns, ModalitySet())
