# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Faults on a bag's stream: what they do to it, and what the monitor says about each."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
import json

from bag_making import PERIOD_NS, picture, write_bag
from cameras import START_NS
import cv2
import numpy as np
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.cli import main
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage, Reason
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.observation.score import summarize
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.recordings.bag import BagImage, BagTruth
from mm_robust_seg.recordings.faults import (
    FaultyBag,
    PhaseBegun,
    TransportEvent,
    WithheldImage,
)
from mm_robust_seg.replay.log import ReplayLog
from mm_robust_seg.replay.player import Player
from mm_robust_seg.schema import from_tree
from mm_robust_seg.simulation.faults import Fault
from mm_robust_seg.simulation.faults.pixels import raw_image
from mm_robust_seg.simulation.faults.vocabulary import DAMAGE
from mm_robust_seg.simulation.scenario import Scenario
from mm_robust_seg.transport import IncompatibleQos, PublisherCount

RGB, THERMAL, DEPTH = Modality
ENCODINGS = {RGB: 'rgb8', THERMAL: 'mono16', DEPTH: '16UC1'}
BLANK = {m: RawImage(m, 0, 0, 0, ENCODINGS[m], 0, b'', frame_id=f'{m}_camera') for m in Modality}
CLEAN_S, FAULT_S, AFTER_S = 1.2, 2.2, 1.8
DURATIONS_S = {  # of the fault and of the time after it, where they must be longer
    Fault.FROZEN: (3.5, AFTER_S),  # a thermal shutter may take 3 s
    Fault.LOSSY: (3.5, 4.0),  # losses are counted over 100 periods
    Fault.SLOW: (FAULT_S, 4.0),
}
ALSO_SAID = {  # beside OK and the reason of the fault
    (Fault.FROZEN, THERMAL): {'FFC'},  # until it has lasted too long for a shutter
    **{(Fault.STUCK_STAMP, m): {'STALE'} for m in Modality},  # a stamp that stays grows old
}
OF_A_CAMERA = [fault for fault in Fault if not fault.is_of_rig]
PAIRS = [(fault, modality) for fault in OF_A_CAMERA for modality in fault.applies_to]
TOLD = [pair for pair in PAIRS if pair[0] not in DAMAGE]  # that is seen on a scene that moves


@cache
def recorded(modality, number):
    """One message of a 30 Hz camera, recorded a few milliseconds after its stamp."""
    stamp_ns = START_NS + number * PERIOD_NS
    image = raw_image(replace(BLANK[modality], stamp_ns=stamp_ns), picture(modality, number))
    return BagImage(stamp_ns + 1_000_000 * (1 + list(Modality).index(modality)), image)


def stream(duration_s):
    count = round(duration_s * 1e9 / PERIOD_NS)
    return [recorded(m, number) for number in range(count) for m in Modality]


def scenario(faults, clean_s=CLEAN_S, fault_s=FAULT_S):
    phases = [
        {'name': 'clean', 'duration_s': clean_s},
        {'name': 'fault', 'duration_s': fault_s, 'faults': faults},
        {'name': 'after', 'duration_s': 60},
    ]
    return from_tree(Scenario, {'seed': 3, 'phases': phases})


def faulty(items, faults, **durations):
    bag = FaultyBag(scenario(faults, **durations), COMPLETE, START_NS)
    return list(bag.play(items))


def images(items, modality):
    return [
        item for item in items if isinstance(item, BagImage) and item.image.modality is modality
    ]


@pytest.mark.parametrize('fault', DAMAGE, ids=str)
def test_damage_is_drawn_into_the_images_of_a_bag(fault):
    for modality in fault.applies_to:
        clean = stream(0.4)
        items = faulty(clean, {modality.value: fault.value}, clean_s=0.2, fault_s=1.0)
        pairs = list(zip(images(clean, modality), images(items, modality), strict=True))
        alike = [bytes(was.image.data) == bytes(now.image.data) for was, now in pairs]
        assert alike == [True] * 6 + [False] * 6


@pytest.fixture
def monitored(tiny_bundle):
    """Play faults through the real pipeline; return its log, its counters and the last report."""
    bundle = load_bundle(tiny_bundle)

    def play(faults, fault_s=FAULT_S, after_s=AFTER_S):
        pipeline = Pipeline(Config(), bundle.inputs, ScriptedEngine(), START_NS)
        log = ReplayLog(Config(), bundle.classes, START_NS)
        items = faulty(stream(CLEAN_S + fault_s + after_s), faults, fault_s=fault_s)
        *_, last = Player(pipeline, log, [], START_NS).play(items)
        return log, pipeline.counters, last.report

    return play


def reasons_of(log, modality):
    states = summarize(log.record())['sensor_states']
    return [state['reason'] for state in states if state['sensor'] == modality.value]


@pytest.mark.parametrize(('fault', 'modality'), TOLD, ids=str)
def test_the_monitor_gives_the_reason_of_each_fault_and_blames_nobody_else(
    monitored, fault, modality
):
    durations_s = DURATIONS_S.get(fault, (FAULT_S, AFTER_S))
    log, counters, last = monitored({modality.value: fault.value}, *durations_s)
    (row,) = summarize(log.record())['faults']
    assert (row['fault'], row['expected']) == (fault.value, fault.reason.value)
    assert fault.reason.value in row['reasons'], row
    expected = {'OK', fault.reason.value} | ALSO_SAID.get((fault, modality), set())
    assert set(row['reasons']) <= expected, row
    assert (row['detected_ms'] is None) == (fault.reason is Reason.OK)
    for other in COMPLETE - ModalitySet([modality]):
        assert set(reasons_of(log, other)) <= {'WAITING', 'OK'}
    assert {health.reason for health in last.sensors.values()} == {Reason.OK}
    assert counters['clock_jumps'] == 0


def test_cameras_that_all_stand_still_see_a_scene_at_rest(monitored):
    log, _, last = monitored({m.value: 'frozen' for m in Modality})
    summary = summarize(log.record())
    for row in summary['faults']:
        assert (row['expected'], row['reasons']) == ('STILL', ['OK', 'STILL'])
        assert row['detected_ms'] is not None
    assert summary['degraded'] == 0
    assert {health.reason for health in last.sensors.values()} == {Reason.OK}


@pytest.mark.parametrize(
    'fault',
    [
        'loop',
        'clock_jump',
        {'kind': 'clock_jump', 'by_s': 3600},
        {'kind': 'clock_jump', 'by_s': 2},
    ],
    ids=str,
)
def test_when_the_clock_moves_no_sensor_is_to_blame(monitored, fault):
    log, counters, last = monitored({'rig': fault})
    assert counters['clock_jumps'] == 1
    assert [set(reasons_of(log, m)) - {'WAITING', 'OK'} for m in Modality] == [set()] * 3
    assert {health.reason for health in last.sensors.values()} == {Reason.OK}


def test_without_faults_the_stream_is_as_recorded():
    items = stream(0.3)
    sent = faulty(items, {}, clean_s=0.1)
    assert [item for item in sent if isinstance(item, BagImage)] == items
    begun = [item for item in sent if isinstance(item, PhaseBegun)]
    assert [(item.time_ns - START_NS, item.phase.name) for item in begun] == [
        (0, 'clean'),
        (100_000_000, 'fault'),
    ]


def test_a_publisher_that_goes_and_comes_is_told_when_its_phases_begin():
    sent = faulty(stream(1.0), {'thermal': 'gone'}, clean_s=0.3, fault_s=0.4)
    events = [item for item in sent if isinstance(item, TransportEvent)]
    assert events == [
        *(TransportEvent(START_NS, PublisherCount(m, 1)) for m in Modality),
        TransportEvent(START_NS + 300_000_000, PublisherCount(THERMAL, 0)),
        TransportEvent(START_NS + 700_000_000, PublisherCount(THERMAL, 1)),
    ]
    assert images(sent, THERMAL) == [
        item
        for item in images(stream(1.0), THERMAL)
        if not 300_000_000 <= item.time_ns - START_NS < 700_000_000
    ]
    assert sum(isinstance(item, WithheldImage) for item in sent) == 12
    assert images(sent, RGB) == images(stream(1.0), RGB)


def test_a_refused_publisher_is_told_once_and_none_of_its_images_comes():
    sent = faulty(stream(1.0), {'depth': 'qos_mismatch'}, clean_s=0.3, fault_s=0.4)
    events = [item for item in sent if isinstance(item, TransportEvent)]
    refused = [event for event in events if isinstance(event.note, IncompatibleQos)]
    note = IncompatibleQos(DEPTH, 'RELIABILITY')
    assert refused == [TransportEvent(START_NS + 300_000_000, note)]
    assert len(images(sent, DEPTH)) == 30 - 12


def test_images_held_back_by_a_swap_are_not_counted_as_withheld():
    sent = faulty(stream(1.0), {'rgb': 'out_of_order'}, clean_s=0.3, fault_s=0.4)
    assert not any(isinstance(item, WithheldImage) for item in sent)
    stamps = [item.image.stamp_ns for item in images(sent, RGB)]
    assert sorted(stamps) == [item.image.stamp_ns for item in images(stream(1.0), RGB)]
    assert stamps != sorted(stamps)


def test_a_loop_sets_recorded_times_and_stamps_back_to_the_start_and_truth_with_them():
    labels = np.zeros((2, 2), np.uint8)
    truths = [BagTruth(item.time_ns, item.image.stamp_ns, labels) for item in stream(1.0)]
    shifted = [
        item
        for item in faulty(truths, {'rig': 'loop'}, clean_s=0.5, fault_s=0.4)
        if isinstance(item, BagTruth)
    ]
    for before, after in zip(truths, shifted, strict=True):
        shift_ns = 0 if before.time_ns < START_NS + 500_000_000 else -500_000_000
        assert after.time_ns - before.time_ns == after.stamp_ns - before.stamp_ns == shift_ns


def png(item, damaged=False):
    number = round((item.image.stamp_ns - START_NS) / PERIOD_NS)
    data = cv2.imencode('.png', picture(item.image.modality, number))[1].tobytes()
    packed = {'encoding': 'compressed png', 'data': data[: len(data) // 2] if damaged else data}
    return replace(
        item, image=replace(item.image, height_px=0, width_px=0, step_bytes=0, **packed)
    )


def test_compressed_images_are_unpacked_for_faults_of_the_pixels_alone():
    packed = [png(item) for item in images(stream(0.4), DEPTH)]
    sent = images(faulty(packed, {'depth': 'no_return'}, clean_s=0.2), DEPTH)
    assert [item.image.encoding for item in sent] == 6 * ['compressed png'] + 6 * ['16UC1']
    stamped = images(faulty(packed, {'depth': 'stale'}, clean_s=0.2), DEPTH)
    assert {item.image.encoding for item in stamped} == {'compressed png'}
    damaged = [png(item, damaged=True) for item in images(stream(0.4), DEPTH)]
    assert images(faulty(damaged, {'depth': 'no_return'}, clean_s=0.2), DEPTH) == damaged


def test_replay_plays_a_scenario_and_says_what_was_recognised(tmp_path, tiny_bundle, capsys):
    file = tmp_path / 'scenario.yaml'
    file.write_text(
        'phases:\n'
        '  - {name: clean, duration_s: 0.4}\n'
        '  - {name: no thermal, duration_s: 0.6, faults: {thermal: gone, depth: frozen}}\n'
        '  - {name: after, duration_s: 9}\n'
    )
    out = tmp_path / 'out'
    args = ['--bundle', str(tiny_bundle), '--backend', 'onnxruntime', '--out', str(out)]
    bag = write_bag(tmp_path / 'bag', count=45)
    assert main(['replay', str(bag), *args, '--scenario', str(file)]) == 0
    summary = json.loads((out / 'summary.json').read_text())
    assert [(row['sensor'], row['reasons'][-1]) for row in summary['faults']] == [
        ('thermal', 'GONE'),
        ('depth', 'FROZEN'),
    ]
    assert all(0 < row['detected_ms'] < 400 for row in summary['faults'])
    assert summary['withheld'] == {'thermal': 18}
    assert summary['availability'] == 1.0
    assert 'no thermal' in capsys.readouterr().out
    assert main(['replay', str(bag), *args, '--scenario', str(tmp_path / 'none.yaml')]) == 2
    assert 'none.yaml' in capsys.readouterr().err
