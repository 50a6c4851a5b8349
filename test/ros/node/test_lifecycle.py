# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Transitions, parameters and services of the node, in this process."""

from __future__ import annotations

import dataclasses
import re
import threading
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger

from mm_robust_seg.config import Config
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.ros.node import node as module
from mm_robust_seg.ros.node import qos, session
from mm_robust_seg.ros.node.node import SegmentationNode
from mm_robust_seg.ros.node.session import Session
from mm_robust_seg.ros.node.threads.engine_thread import EngineThread
from mm_robust_seg.schema import flatten

pytestmark = pytest.mark.ros

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
WAIT_S = 20
KINDS = {kind.Request: kind for kind in (SetBool, Trigger, ChangeState)}


@pytest.fixture
def make(ros):
    nodes = []

    def build(stopping=None, **overrides):
        given = [Parameter(name.replace('__', '.'), value=v) for name, v in overrides.items()]
        nodes.append(SegmentationNode(stopping or threading.Event(), parameter_overrides=given))
        return nodes[-1]

    yield build
    for node in nodes:
        node.close()
        node.destroy_node()


@pytest.fixture
def inactive(make, tiny_bundle):
    node = make(engine__bundle=str(tiny_bundle), engine__threads=1)
    assert node.trigger_configure() is SUCCESS
    return node


@pytest.fixture
def robot(ros):
    """Another node of the robot."""
    made = rclpy.create_node('robot')
    yield made
    made.destroy_node()


def _spin_until(condition, *nodes):
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, 'it did not come true in time'
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()


@pytest.fixture
def call(robot):
    """Call a service of a node."""

    def answer(node, name, request):
        kind = KINDS[type(request)]
        client = robot.create_client(kind, f'segmentation/{name}')
        _spin_until(client.service_is_ready, robot, node)
        future = client.call_async(request)
        _spin_until(future.done, robot, node)
        robot.destroy_client(client)
        return future.result()

    return answer


def _set(node, name, value):
    return node.set_parameters([Parameter(name, value=value)])[0]


def _errors(capfd):
    return [line for line in capfd.readouterr().err.splitlines() if '[ERROR]' in line]


def test_a_missing_bundle_fails_with_a_reason_and_can_be_set_right(make, tiny_bundle, capfd):
    node = make(engine__bundle='/nowhere')
    assert node.trigger_configure() is FAILURE
    [error] = _errors(capfd)
    assert 'cannot configure' in error and "'/nowhere'" in error
    assert _set(node, 'engine.bundle', str(tiny_bundle)).successful
    assert node.trigger_configure() is SUCCESS


def test_the_log_says_which_backend_runs_and_why_no_other(make, tiny_bundle, capfd):
    node = make(engine__bundle=str(tiny_bundle), engine__threads=1, engine__backend='auto')
    assert node.trigger_configure() is SUCCESS
    log = capfd.readouterr().err
    [chosen] = [line for line in log.splitlines() if ' is used, the first usable of ' in line]
    [used] = re.findall(r'(\w+) is used', chosen)
    order = re.search(r'first usable of ([\w, ]+):', chosen)[1].split(', ')
    for name in order[: order.index(used)]:
        assert f'{name} is not used: ' in log


def test_an_altered_bundle_is_refused(make, tmp_path, tiny_bundle, capfd):
    for file in (p for p in tiny_bundle.rglob('*') if p.is_file()):
        copy = tmp_path / file.relative_to(tiny_bundle)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(file.read_bytes())
    (tmp_path / 'rgb.onnx').write_bytes(b'other')
    node = make(engine__bundle=str(tmp_path))
    assert node.trigger_configure() is FAILURE
    assert 'rgb.onnx was altered' in _errors(capfd)[0]


def test_a_mistake_in_the_parameters_fails_to_configure(make, tiny_bundle, capfd):
    node = make(engine__bundle=str(tiny_bundle), sync__wait_s=-1.0)
    assert 'sync.wait_s is -1.0: expected a value from 0 to 10' in _errors(capfd)[0]
    assert node.trigger_configure() is FAILURE
    assert _set(node, 'sync.wait_s', 0.02).successful
    assert node.trigger_configure() is SUCCESS


def test_an_unforeseen_exception_is_logged_with_its_traceback(make, monkeypatch, capfd):
    def fail(name):
        raise RuntimeError('unforeseen')

    monkeypatch.setattr(module, 'find_bundle', fail)
    node = make()
    assert node.trigger_configure() is FAILURE
    text = capfd.readouterr().err
    assert 'Traceback' in text and 'RuntimeError: unforeseen' in text


def test_a_build_ends_when_the_process_is_to_end(make, tiny_bundle, monkeypatch, capfd):
    building, ended = threading.Event(), threading.Event()

    def build(config, bundle, now_ns, note, is_cancelled):
        building.set()
        while not is_cancelled():
            time.sleep(0.01)
        ended.set()
        raise EngineError('the build ended')

    monkeypatch.setattr(session, 'build_pipeline', build)
    stopping = threading.Event()
    node = make(stopping, engine__bundle=str(tiny_bundle))
    threading.Thread(target=lambda: building.wait(10) and stopping.set()).start()
    assert node.trigger_configure() is FAILURE
    assert ended.is_set()
    assert 'cannot configure' in _errors(capfd)[0]


def test_the_whole_cycle_can_be_repeated(inactive):
    for _ in range(2):
        assert inactive.trigger_activate() is SUCCESS
        assert inactive.trigger_deactivate() is SUCCESS
    assert inactive.trigger_cleanup() is SUCCESS
    assert inactive.trigger_configure() is SUCCESS
    assert inactive.trigger_activate() is SUCCESS
    assert inactive.trigger_shutdown() is SUCCESS


@pytest.mark.parametrize(
    ('wanted', 'sentence'),
    [
        ({'id': Transition.TRANSITION_CONFIGURE}, 'cannot configure: the node is active; '),
        ({'id': Transition.TRANSITION_CLEANUP}, 'cannot cleanup: the node is active; '),
        ({'id': 99}, 'cannot make transition 99: the node is active; '),
        ({'label': 'activate'}, 'cannot activate: the node is active; '),
        ({'label': 'a\x1b' * 999}, 'cannot a\\x1ba'),
    ],
)
def test_a_transition_that_is_not_allowed_is_answered(inactive, call, wanted, sentence, capfd):
    inactive.trigger_activate()
    request = ChangeState.Request(transition=Transition(**wanted))
    assert not call(inactive, 'change_state', request).success
    [error] = _errors(capfd)
    assert sentence in error and error.endswith('expected deactivate or shutdown')
    assert len(error) < 500
    request = ChangeState.Request(transition=Transition(label='deactivate'))
    assert call(inactive, 'change_state', request).success
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE))
    assert call(inactive, 'change_state', request).success


def _entities(node):
    """Name what a node holds, and the threads of the process."""
    return {
        'publishers': sorted(p.topic_name for p in node.publishers),
        'subscriptions': sorted(s.topic_name for s in node.subscriptions),
        'services': sorted(s.srv_name for s in node.services),
        'others': [len(list(kind)) for kind in (node.clients, node.timers, node.guards)],
        'waitables': len(list(node.waitables)),
        'threads': sorted(thread.name for thread in threading.enumerate()),
    }


def test_each_transition_takes_back_what_its_counterpart_made(make, tiny_bundle):
    pytest.importorskip('onnxruntime', reason='OpenVINO leaves a thread of its own behind')
    given = {'engine__bundle': str(tiny_bundle), 'engine__backend': 'onnxruntime'}
    node = make(**given, engine__threads=1)
    unconfigured = _entities(node)
    for _ in range(2):
        assert node.trigger_configure() is SUCCESS
        inactive = _entities(node)
        assert '/segmentation/mask' in inactive['publishers']
        assert 'inference' in inactive['threads']
        assert node.trigger_activate() is SUCCESS
        assert 'watchdog' in _entities(node)['threads']
        images = {f'/{m}/{kind}' for m in Modality for kind in ('image', 'camera_info')}
        assert images <= set(_entities(node)['subscriptions'])
        assert node.trigger_deactivate() is SUCCESS
        assert _entities(node) == inactive
        assert node.trigger_cleanup() is SUCCESS
        assert _entities(node) == unconfigured


def test_depth_in_an_encoding_without_unit_is_warned_of_once(inactive, robot, monkeypatch, capfd):
    received = []
    monkeypatch.setattr(EngineThread, 'offer', lambda self, raw, now_ns: received.append(raw))
    inactive.trigger_activate()
    camera = robot.create_publisher(Image, 'depth/image', qos.SENSOR)
    _spin_until(camera.get_subscription_count, robot, inactive)
    for count in (1, 2, 3):
        camera.publish(Image(height=1, width=1, encoding='mono16', step=2, data=b'\x10\x00'))
        _spin_until(lambda count=count: len(received) == count, robot, inactive)
    assert {raw.encoding for raw in received} == {'mono16'}
    assert capfd.readouterr().err.count('depth comes as mono16') == 1


@pytest.mark.parametrize('is_active', [False, True])
def test_engine_and_inputs_are_refused_while_the_engine_is_loaded(inactive, is_active):
    if is_active:
        inactive.trigger_activate()
    for name, value in (('engine.threads', 2), ('inputs.rgb.transport', 'compressed')):
        result = _set(inactive, name, value)
        assert not result.successful and f'{name} cannot change' in result.reason
    assert inactive.get_parameter('engine.threads').value == 1


def test_what_was_dumped_can_be_loaded_in_every_state(make, tiny_bundle):
    """As ``ros2 param dump`` and ``ros2 param load`` do: each parameter by itself."""
    node = make(engine__bundle=str(tiny_bundle), engine__threads=1)
    for change in ('configure', 'activate', 'deactivate', 'cleanup'):
        assert getattr(node, f'trigger_{change}')() is SUCCESS
        dumped = node.get_parameters([name for name, _, _ in flatten(Config())])
        results = dict(zip(dumped, node.set_parameters(dumped), strict=True))
        assert {p.name: r.reason for p, r in results.items() if not r.successful} == {}


def test_off_without_quotes_is_understood_by_param_set(inactive):
    if not hasattr(inactive, 'add_pre_set_parameters_callback'):
        pytest.skip('Humble checks types before anybody is asked')
    assert _set(inactive, 'sync.held_frames', False).successful
    assert inactive.get_parameter('sync.held_frames').value == 'off'
    assert not _set(inactive, 'sync.reference', False).successful


def test_live_parameters_change_while_active(inactive, monkeypatch):
    inactive.trigger_activate()
    applied = []
    monkeypatch.setattr(Pipeline, 'reconfigure', lambda self, config: applied.append(config))
    assert _set(inactive, 'sync.wait_s', 0.05).successful
    [config] = applied
    assert config.sync == dataclasses.replace(Config().sync, wait_s=0.05)


@pytest.mark.parametrize(
    ('name', 'value', 'text'),
    [
        ('policy.force_set', 'rgb+sonar', 'rgb+sonar'),
        ('policy.on_none', 'panic', 'hold_off, unlabeled'),
        ('hysteresis.fail_frames', 0, 'hysteresis.fail_frames'),
        ('sync.wait_s', 'soon', 'Wrong parameter type'),
    ],
)
def test_a_wrong_value_is_refused_with_a_reason(inactive, name, value, text):
    inactive.trigger_activate()
    before = inactive.get_parameter(name).value
    result = _set(inactive, name, value)
    assert not result.successful and text in result.reason
    assert inactive.get_parameter(name).value == before


ON, OFF, TRIGGER = SetBool.Request(data=True), SetBool.Request(data=False), Trigger.Request()


def test_an_unconfigured_node_answers_what_to_do(make, call):
    bare = make()
    for name, request in (('enable', ON), ('reset_monitor', TRIGGER)):
        answer = call(bare, name, request)
        assert not answer.success and 'configure it first' in answer.message


def test_services_answer_while_inactive_and_active(inactive, call):
    for activate in (False, True):
        if activate:
            inactive.trigger_activate()
        for name, request in (('enable', OFF), ('enable', ON), ('reset_monitor', TRIGGER)):
            assert call(inactive, name, request).success


def test_a_client_is_answered_whatever_goes_wrong(inactive, call, monkeypatch, capfd):
    def fail(*_):
        raise ValueError('unforeseen')

    inactive.trigger_activate()
    capfd.readouterr()
    monkeypatch.setattr(EngineThread, 'ask', fail)
    monkeypatch.setattr(EngineThread, 'enable', fail)
    monkeypatch.setattr(Session, 'self_check', fail)
    for name, request in (('enable', ON), ('reset_monitor', TRIGGER), ('self_check', TRIGGER)):
        answer = call(inactive, name, request)
        assert not answer.success and 'ValueError: unforeseen' in answer.message
    result = _set(inactive, 'sync.wait_s', 0.05)
    assert not result.successful and 'ValueError: unforeseen' in result.reason
    assert inactive.get_parameter('sync.wait_s').value == 0.0
    monkeypatch.undo()
    assert capfd.readouterr().err.count('in fail') >= 4, 'every traceback is in the log'
