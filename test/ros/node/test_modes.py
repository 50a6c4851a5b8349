# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Settings, services and outputs of an active node, as the rest of a robot sees them."""

from __future__ import annotations

from itertools import pairwise
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from robot import active, NodeThread, reason, Robot, values
from scripted_engine import ScriptedEngine
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.ros.node import departures, qos, session
from mm_robust_seg.ros.node.conversions import stamp_ns
from mm_robust_seg.ros.node.threads import watchdog

pytestmark = pytest.mark.ros

RGB, THERMAL, DEPTH = Modality
COMPLETE = 'rgb+thermal+depth'


@pytest.fixture
def make_robot(ros_domain):
    made = []

    def robot(**options):
        made.append(Robot(**options))
        return made[-1]

    yield robot
    for item in made:
        item.close()


@pytest.fixture
def robot(make_robot):
    return make_robot()


@pytest.fixture
def start(tiny_bundle):
    made = []

    def node(namespace='', **parameters):
        given = {name.replace('__', '.'): value for name, value in parameters.items()}
        given = {'engine.bundle': str(tiny_bundle), 'engine.threads': 1, **given}
        made.append(NodeThread(given, namespace))
        return made[-1].node

    yield node
    for item in made:
        item.close()


def _status(robot, task):
    """The last that was said of a task; nothing in it as long as nothing was."""
    told = robot.diagnostics[-1].status if robot.diagnostics else []
    return next((s for s in told if s.name.endswith(f': {task}')), DiagnosticStatus())


def test_compressed_inputs_serve_like_raw_ones(make_robot, start):
    robot = make_robot(compressed=(RGB, THERMAL, DEPTH))
    start(**{f'inputs__{m}__transport': 'compressed' for m in Modality})
    robot.until(lambda: active(robot) == COMPLETE)
    robot.until(lambda: len(robot.masks) >= 3)
    assert (robot.masks[-1].height, robot.masks[-1].width) == robot.size


def test_jpeg_is_refused_for_depth_and_costs_no_other_sensor(make_robot, start):
    robot = make_robot(compressed=(DEPTH,))

    def to_jpeg(message):
        message.data[:3] = type(message.data)('B', b'\xff\xd8\xff')

    robot.alter[DEPTH] = to_jpeg
    start(inputs__depth__transport='compressed')
    robot.until(lambda: reason(robot, DEPTH) == 'FORMAT' and active(robot) == 'rgb+thermal')
    assert 'JPEG' in values(robot.states[-1])['depth.detail']


def test_an_idle_watch_wakes_when_images_come(robot, start, monkeypatch):
    monkeypatch.setattr(watchdog, 'IDLE_S', 1000.0)
    robot.live.clear()
    start()
    robot.until(lambda: active(robot) == 'none')
    robot.live = set(Modality)
    robot.until(lambda: active(robot) == COMPLETE)


def test_a_sensor_whose_driver_ended_is_gone_and_comes_back(robot, start):
    start()
    robot.until(lambda: active(robot) == COMPLETE)
    robot.live.discard(THERMAL)
    robot.node.destroy_publisher(robot.cameras[THERMAL])
    robot.until(lambda: reason(robot, THERMAL) == 'GONE')
    assert 'nobody publishes the topic' in values(robot.states[-1])['thermal.detail']
    robot.cameras[THERMAL] = robot.node.create_publisher(Image, 'thermal/image', qos.SENSOR)
    robot.live.add(THERMAL)
    robot.until(lambda: active(robot) == COMPLETE)


def test_a_required_sensor_stops_the_masks_while_it_is_out(robot, start):
    start(inputs__thermal__required=True)
    robot.until(lambda: len(robot.masks) >= 3)
    robot.live.discard(THERMAL)
    robot.until(lambda: reason(robot, THERMAL) == 'SILENT')
    last_ns = stamp_ns(robot.masks[-1].header.stamp)
    robot.live = set(Modality)
    robot.until(lambda: stamp_ns(robot.masks[-1].header.stamp) > last_ns)
    robot.until(lambda: active(robot) == COMPLETE)
    gap_ns = max(np.diff([stamp_ns(m.header.stamp) for m in robot.masks]))
    assert gap_ns > 5e8, 'no masks from the dropout to the recovery'


@pytest.mark.parametrize('policy', ['unlabeled', 'hold_off'])
def test_with_no_usable_sensor_the_policy_decides(robot, start, policy):
    start(policy__on_none=policy, inputs__thermal__enabled=False, inputs__depth__enabled=False)
    robot.until(lambda: len(robot.masks) >= 3)

    def darken(message):
        message.data = type(message.data)('B', bytes(len(message.data)))

    robot.alter[RGB] = darken
    robot.until(lambda: active(robot) == 'none')
    assert robot.states[-1].level == b'\x02'
    robot.run(0.2)
    robot.masks.clear()
    if policy == 'unlabeled':
        robot.until(lambda: len(robot.masks) >= 5)
        assert set(robot.masks[-1].data) == {UNLABELED}
    else:
        robot.run(0.5)
        assert robot.masks == []


def test_cameras_that_are_all_too_slow_make_masks_that_are_marked(robot, start):
    start(**{f'inputs__{m}__expected_rate_hz': 100.0 for m in Modality})
    robot.until(lambda: active(robot) == COMPLETE and reason(robot, RGB) == 'SLOW')

    def last():
        return robot.infos[-1].status[0] if robot.infos else DiagnosticStatus()

    robot.until(lambda: values(last()).get('degraded') == COMPLETE)
    assert last().level == b'\x01'
    assert UNLABELED not in robot.masks[-1].data
    robot.until(lambda: 'from degraded sensors' in _status(robot, 'output').message)
    assert _status(robot, 'output').level == b'\x01'
    robot.until(lambda: 'rgb.expected_rate_hz' in values(robot.states[-1])['rgb.detail'])


def test_the_mask_rate_is_bounded_and_can_be_freed_while_running(robot, start):
    start(output__max_rate_hz=5.0)
    robot.until(lambda: len(robot.masks) >= 8)
    steps_ns = np.diff([stamp_ns(m.header.stamp) for m in robot.masks][2:])
    assert np.median(steps_ns) > 0.15e9
    client = robot.node.create_client(SetParameters, 'segmentation/set_parameters')
    robot.until(client.service_is_ready)

    def set_rate(value):
        wish = Parameter('output.max_rate_hz', value=value).to_parameter_msg()
        future = client.call_async(SetParameters.Request(parameters=[wish]))
        robot.until(future.done)
        return future.result().results[0]

    refused = set_rate(-1.0)
    assert not refused.successful and 'output.max_rate_hz' in refused.reason
    assert set_rate(0.0).successful
    count = len(robot.masks)
    robot.until(lambda: len(robot.masks) >= count + 20)
    assert np.median(np.diff([stamp_ns(m.header.stamp) for m in robot.masks[-8:]])) < 0.15e9


def test_pictures_are_made_for_subscribers_alone(robot, start, monkeypatch):
    made = []
    monkeypatch.setattr(
        departures, 'colorize', lambda *a: made.append(1) or np.zeros((48, 64, 3), np.uint8)
    )
    start()
    robot.until(lambda: len(robot.masks) >= 5)
    assert made == [], 'nobody has subscribed to the colour mask'
    received = {name: [] for name in ('color_mask', 'confidence', 'thermal_view')}
    for name, messages in received.items():
        robot.node.create_subscription(Image, f'segmentation/{name}', messages.append, qos.MASK)
    robot.until(lambda: all(received.values()))
    assert made
    encodings = {name: messages[-1].encoding for name, messages in received.items()}
    assert encodings == {'color_mask': 'rgb8', 'confidence': 'mono8', 'thermal_view': 'mono8'}
    stamps = {stamp_ns(m.header.stamp) for m in robot.masks}
    assert stamp_ns(received['confidence'][-1].header.stamp) in stamps
    assert received['thermal_view'][-1].header.frame_id == 'thermal_camera'


def test_the_state_is_latched_and_an_inactive_node_says_so(robot, make_robot, start):
    node = start()
    robot.until(lambda: active(robot) == COMPLETE)
    late = make_robot()
    late.live.clear()
    robot.live.clear()
    late.until(lambda: late.states and late.labels)
    node.trigger_deactivate()
    later = make_robot()
    later.live.clear()
    later.until(lambda: later.states)
    assert later.states[0].level == b'\x03'
    assert (active(later), later.states[0].message) == ('none', 'the node is not active')


def test_a_deactivated_node_listens_to_no_camera_and_makes_no_mask(robot, start):
    node = start()
    robot.until(lambda: len(robot.masks) >= 3)
    node.trigger_deactivate()
    robot.until(lambda: not any(c.get_subscription_count() for c in robot.cameras.values()))
    robot.run(0.2)
    robot.masks.clear()
    robot.run(0.5)
    assert robot.masks == []
    node.trigger_activate()
    robot.until(lambda: len(robot.masks) >= 3)


def test_while_nothing_changes_diagnostics_come_about_once_a_second(robot, start):
    robot.live.clear()
    start(**{f'monitor__{m}__startup_grace_s': 0.1 for m in Modality})
    robot.until(lambda: all(reason(robot, m) == 'ABSENT' for m in Modality))
    robot.diagnostics.clear()
    robot.run(4.0)
    assert 2 <= len(robot.diagnostics) <= 6


def test_resetting_the_monitor_gives_a_sensor_its_grace_again(robot, start):
    start(monitor__thermal__startup_grace_s=0.5)
    robot.live.discard(THERMAL)
    robot.until(lambda: reason(robot, THERMAL) == 'ABSENT')
    assert robot.call('reset_monitor', Trigger.Request()).success
    robot.until(lambda: any(values(s)['thermal'] == 'WAITING' for s in robot.states))
    robot.until(lambda: reason(robot, THERMAL) == 'ABSENT')


def test_switching_off_is_said_in_the_diagnostics(robot, start):
    start()
    robot.until(lambda: len(robot.masks) >= 3)
    assert robot.call('enable', SetBool.Request(data=False)).success
    robot.until(lambda: '~/enable' in _status(robot, 'output').message)
    assert _status(robot, 'rgb').level == b'\x00', 'the sensors are still watched'


def test_two_nodes_in_namespaces_do_not_hear_each_other(make_robot, start):
    left, right = make_robot(namespace='left'), make_robot(namespace='right')
    for name in ('left', 'right'):
        start(namespace=name)
    right.live.discard(THERMAL)
    ends = {'left': lambda: active(left) == COMPLETE, 'right': lambda: active(right) != ''}
    left.until(lambda: right._spin() or all(end() for end in ends.values()))
    left.until(lambda: right._spin() or active(right) == 'rgb+depth')
    assert active(left) == COMPLETE

    def names():
        return {s.name.partition(':')[0] for array in left.diagnostics for s in array.status}

    left.until(lambda: names() == {'left/segmentation', 'right/segmentation'})


def test_a_second_node_of_the_same_name_is_warned_of(robot, start):
    for _ in range(2):
        start()
    robot.until(lambda: '2 publishers of /segmentation/mask' in _status(robot, 'output').message)


def test_a_paused_clock_blames_no_sensor(robot, start):
    """As when the player of a bag is paused: images and /clock stop together."""
    start_s, bag_ns, paused_ns = time.monotonic(), 1_000_000_000_000, []

    def now_ns():
        return paused_ns[0] if paused_ns else bag_ns + round((time.monotonic() - start_s) * 1e9)

    robot.now_ns, robot.clock = now_ns, True
    start(use_sim_time=True)
    robot.until(lambda: active(robot) == COMPLETE)
    paused_ns.append(now_ns())
    robot.live.clear()
    robot.clock = False
    robot.until(lambda: values(robot.states[-1])['clock'] == 'paused')
    assert (active(robot), robot.states[-1].level) == (COMPLETE, b'\x00')
    assert '/clock stands still' in robot.states[-1].message
    start_s += time.monotonic() - start_s - (paused_ns[0] - bag_ns) * 1e-9
    paused_ns.clear()
    robot.clock, robot.live = True, set(Modality)
    count = len(robot.states)
    robot.until(lambda: values(robot.states[-1])['clock'] == 'running')
    robot.until(lambda: len(robot.masks) >= 3)
    for state in robot.states[count:]:
        assert not {'SILENT', 'STALE', 'CLOCK'} & set(values(state).values())


@pytest.mark.parametrize(
    'settings',
    [{'inputs__thermal__stamp': 'arrival'}, {'inputs__thermal__stamp_offset_s': 1e6}],
    ids=['arrival', 'offset'],
)
def test_a_clock_that_is_allowed_for_is_no_finding_of_the_self_check(robot, start, settings):
    def behind(message):
        message.header.stamp.sec -= 1_000_000

    robot.alter[THERMAL] = behind
    start(**settings)
    robot.until(lambda: active(robot) == COMPLETE)
    robot.until(lambda: reason(robot, THERMAL) == 'OK')
    answer = robot.call('self_check', Trigger.Request())
    assert 'thermal' not in answer.message


@pytest.mark.parametrize('steps_hz', [5, 10])
def test_a_clock_of_few_steps_a_second_is_a_clock(robot, start, steps_hz):
    """As Gazebo Classic publishes it; the images are stamped between its steps."""
    start_s = time.monotonic()
    robot.now_ns = lambda: 1_000_000_000_000 + round((time.monotonic() - start_s) * 1e9)
    robot.clock, robot.clock_step_ns = True, 1_000_000_000 // steps_hz
    start(use_sim_time=True)
    robot.until(lambda: active(robot) == COMPLETE)
    robot.run(1.0)
    count, states = len(robot.masks), len(robot.states)
    robot.until(lambda: len(robot.masks) >= count + 60)
    said = [set(values(state).values()) for state in robot.states[states:]]
    assert not any({'CLOCK', 'STALE', 'SILENT', 'SLOW'} & each for each in said)
    assert all(values(state)['active'] == COMPLETE for state in robot.states[states:])
    stamps_ns = [stamp_ns(mask.header.stamp) for mask in robot.masks[count:]]
    gaps_ns = [later - earlier for earlier, later in pairwise(stamps_ns)]
    assert sorted(gaps_ns)[len(gaps_ns) // 2] < 60_000_000, 'a mask for each image'


@pytest.fixture
def engine(monkeypatch):
    """An engine whose ``failures`` say which combinations do not run, once each."""
    scripted = ScriptedEngine()

    def build(config, bundle, now_ns, *rest):
        return Pipeline(config, bundle.inputs, scripted, now_ns), scripted

    monkeypatch.setattr(session, 'build_pipeline', build)
    return scripted


def test_an_inference_that_fails_runs_again_or_with_fewer_sensors(robot, start, engine):
    start()
    robot.until(lambda: active(robot) == COMPLETE and len(robot.masks) >= 3)
    engine.failures += 2 * [engine.combinations[0]]
    robot.until(lambda: values(_status(robot, 'engine')).get('failures') == '2')
    sensors = [values(info.status[0])['sensors'] for info in robot.infos]
    assert 'rgb+thermal' in sensors, 'the next smaller combination served one mask'
    assert _status(robot, 'engine').level == b'\x01'


def test_an_engine_that_is_out_is_an_error_that_the_node_survives(robot, start, engine):
    start()
    robot.until(lambda: len(robot.masks) >= 3)
    engine.failures += [c for c in engine.combinations for _ in range(10_000)]
    robot.until(lambda: _status(robot, 'engine').level == b'\x02')
    told = _status(robot, 'engine').message
    assert 'inference failed with rgb+thermal+depth and then rgb+thermal' in told
    assert 'configure' in told
    engine.failures.clear()
    robot.masks.clear()
    robot.until(lambda: len(robot.masks) >= 3)
    robot.until(lambda: _status(robot, 'engine').level == b'\x01')
