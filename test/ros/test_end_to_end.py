# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node in a process of its own, with three cameras and a client in this one."""

from __future__ import annotations

import json
from pathlib import Path
import signal
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from lifecycle_msgs.msg import Transition
from robot import NodeProcess, Robot, values
from std_srvs.srv import SetBool

from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node.conversions import stamp_ns

pytestmark = pytest.mark.ros

COMPLETE = 'rgb+thermal+depth'


@pytest.fixture
def running(process, robot):
    """A robot whose node is active and sees all three sensors."""
    assert robot.transition(Transition.TRANSITION_CONFIGURE)
    assert robot.transition(Transition.TRANSITION_ACTIVATE)
    robot.until(lambda: robot.states and _active(robot) == COMPLETE)
    return robot


def _active(robot):
    return values(robot.states[-1])['active']


def _reason(robot, modality):
    return values(robot.states[-1])[str(modality)]


def test_masks_go_on_when_sensors_fall_silent_and_return(running):
    robot = running
    for lost in (Modality.THERMAL, Modality.RGB):
        robot.live.discard(lost)
        robot.until(lambda lost=lost: _reason(robot, lost) == 'SILENT')
    robot.until(lambda: _active(robot) == 'depth')
    assert values(robot.states[-1])['previous'] == 'rgb+depth'
    count = len(robot.masks)
    robot.until(lambda: len(robot.masks) >= count + 15)
    robot.live = set(Modality)
    robot.until(lambda: _active(robot) == COMPLETE)


def test_every_output_of_one_frame_belongs_together(running):
    robot = running
    robot.until(lambda: len(robot.infos) >= 5 and robot.camera_infos and robot.overlays)
    mask, picture, info = robot.masks[-1], robot.overlays[-1], robot.infos[-1]
    assert (mask.encoding, mask.height, mask.width) == ('mono8', *robot.size)
    assert set(np.frombuffer(mask.data, np.uint8)) <= {0, 1, 2, 3, 4}
    assert (picture.encoding, picture.height, picture.width) == ('rgb8', *robot.size)
    assert stamp_ns(info.header.stamp) in {stamp_ns(m.header.stamp) for m in robot.masks}
    stamps = {stamp_ns(m.header.stamp) for m in robot.masks}
    assert {stamp_ns(m.header.stamp) for m in robot.camera_infos} <= stamps
    [frame] = info.status
    told = values(frame)
    assert (told['sensors'], told['adapter'], told['reference']) == (COMPLETE, 'none', 'rgb')
    assert float(told['end_to_end_ms']) >= float(told['inference_ms']) > 0
    labels = json.loads(robot.labels[-1].data)
    assert labels['2'] == {'name': 'person', 'color': [220, 20, 60]}


def test_diagnostics_cover_sensors_engine_and_output(running):
    robot = running
    robot.diagnostics.clear()
    robot.until(lambda: len(robot.diagnostics) >= 2)
    names = [status.name for status in robot.diagnostics[-1].status]
    parts = ('rgb', 'thermal', 'depth', 'modality', 'engine', 'output')
    assert names == [f'segmentation: {part}' for part in parts]


def _size(message):
    message.height, message.width = 2**32 - 1, 2**32 - 1


def _step(message):
    message.step = 3


def _empty(message):
    del message.data[:]


def _cut(message):
    del message.data[len(message.data) // 2 :]


def _encoding(message):
    message.encoding = '\N{SNOWMAN}' * 100


def _stamp(message):
    message.header.stamp.sec, message.header.stamp.nanosec = -(2**31), 2**32 - 1


@pytest.mark.parametrize('spoil', [_size, _step, _empty, _cut, _encoding, _stamp])
def test_malformed_images_of_one_sensor_cost_only_that_sensor(running, spoil):
    robot = running
    robot.alter[Modality.THERMAL] = spoil
    robot.until(lambda: _active(robot) == 'rgb+depth')
    count = len(robot.masks)
    robot.until(lambda: len(robot.masks) >= count + 10)
    robot.alter.clear()
    robot.until(lambda: _active(robot) == COMPLETE)


def _endless(message):
    message.encoding, message.header.frame_id = 'x\x1b' * 500_000, 'y\n' * 500_000


def test_endless_texts_in_messages_reach_neither_log_nor_diagnostics(running, process):
    robot = running
    before = process.log.stat().st_size
    robot.alter[Modality.THERMAL] = _endless
    robot.until(lambda: _reason(robot, Modality.THERMAL) == 'FORMAT')
    robot.run(1.0)
    statuses = [s for array in robot.diagnostics for s in array.status] + robot.states
    assert max(len(str(status)) for status in statuses) < 10_000
    assert process.log.stat().st_size - before < 10_000
    assert '\x1b' not in process.log.read_text()


def test_without_any_sensor_nothing_breaks(running):
    robot = running
    robot.live.clear()
    robot.until(lambda: _active(robot) == 'none')
    assert robot.states[-1].level == b'\x02'
    robot.live = set(Modality)
    robot.until(lambda: _active(robot) == COMPLETE)


def test_masks_stop_and_start_by_service(running):
    robot = running
    assert robot.call('enable', SetBool.Request(data=False)).success
    robot.run(0.2)
    robot.masks.clear()
    robot.run(0.5)
    assert robot.masks == []
    assert robot.call('enable', SetBool.Request(data=True)).success
    robot.until(lambda: len(robot.masks) >= 3)


def test_a_bag_with_its_own_time_may_wait_and_loop(ros_domain, robot, tiny_bundle, tmp_path):
    """With use_sim_time nothing happens before /clock, and a jump back is no sensor's fault."""
    parameters = {'engine.bundle': tiny_bundle, 'engine.threads': 1, 'use_sim_time': 'true'}
    process = NodeProcess(tmp_path / 'node.log', parameters)
    start_s, bag_ns = time.monotonic(), 1_000_000_000_000
    robot.now_ns = lambda: bag_ns + round((time.monotonic() - start_s) * 1e9)
    assert robot.transition(Transition.TRANSITION_CONFIGURE)
    assert robot.transition(Transition.TRANSITION_ACTIVATE)
    robot.until(lambda: 'nothing publishes /clock' in process.log.read_text())
    assert robot.masks == []
    robot.clock = True
    for _ in range(2):
        robot.masks.clear()
        robot.until(lambda: len(robot.masks) >= 15)
        assert all(m.header.stamp.sec < 1100 for m in robot.masks)
        start_s = time.monotonic()
    robot.until(lambda: _active(robot) == COMPLETE)
    code, log = process.stop()
    assert (code, 'Traceback' in log) == (0, False), log
    for blame in ('CLOCK', 'STALE', 'STAMP_STUCK'):
        assert blame not in log


def test_a_failed_configure_leaves_a_node_that_answers(ros_domain, robot, tmp_path):
    process = NodeProcess(tmp_path / 'node.log', {'engine.bundle': '/nowhere'})
    assert not robot.transition(Transition.TRANSITION_CONFIGURE)
    assert robot.state() == 'unconfigured'
    code, log = process.stop()
    assert code == 0
    assert "there is no model bundle '/nowhere'" in log


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_running_node_in_order(process, running, number):
    code, log = process.stop(number)
    assert (code, 'Traceback' in log) == (0, False), log


def test_a_broken_command_line_is_one_clear_line(ros_domain, tmp_path):
    process = NodeProcess(tmp_path / 'node.log', {'sync..wait_s': '[1, two'})
    code, log = process.stop(0)
    assert code == 2
    assert 'segmentation: failed to' in log and 'Traceback' not in log


def test_mistakes_in_a_parameter_file_are_named_and_the_node_lives(ros_domain, robot, tmp_path):
    path = tmp_path / 'wrong.yaml'
    parameters = (
        'sync: {fallback_order: [], wait_s: soon, wait: 1.0}, inputs: {rgb: {enabled: [true]}}'
    )
    path.write_text(f'/**: {{ros__parameters: {{{parameters}}}}}')
    process = NodeProcess(tmp_path / 'node.log', {}, files=[path])
    assert not robot.transition(Transition.TRANSITION_CONFIGURE)
    assert robot.state() == 'unconfigured'
    code, log = process.stop()
    assert code == 0
    assert log.count('cannot configure: ') == 1
    for name in (
        'sync.fallback_order is an empty list',
        'sync.wait_s is',
        'inputs.rgb.enabled is',
    ):
        assert name in log.partition('cannot configure: ')[2]
    assert "unknown parameter 'sync.wait'; did you mean sync.wait_s?" in log


@pytest.mark.skipif(not Path('/dev/shm').is_dir(), reason='no shared memory to look into')
def test_the_profile_gives_fast_dds_its_large_shared_memory(ros_domain):
    """Without it most camera images are lost between processes."""
    before = set(Path('/dev/shm').glob('fastrtps_*'))
    robot = Robot()
    made = set(Path('/dev/shm').glob('fastrtps_*')) - before
    sizes = [path.stat().st_size for path in made]
    robot.close()
    if not made:
        pytest.skip('the middleware is not Fast DDS')
    assert max(sizes) >= 32 * 2**20
