# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the launch files start, with which parameters and remappings, and when."""

from __future__ import annotations

from pathlib import Path
import time

from launching import DOMAIN, node_parameters, parameter_files, Prefix, remappings, ROOT
import numpy as np
import pytest
import yaml

from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.writer import BagWriter

pytestmark = pytest.mark.ros


@pytest.fixture
def prefix(tmp_path):
    pytest.importorskip('launch_ros', reason='launch_ros is not installed')
    return Prefix(tmp_path / 'prefix')


def test_by_default_the_node_runs_as_its_parameter_file_says(prefix):
    call = prefix.launch('robust_seg.launch.py', ['segmentation'])['segmentation']
    config = prefix.folder / 'share' / 'mm_robust_seg' / 'config'
    assert parameter_files(call)[0] == str(config / 'robust_seg.yaml')
    assert node_parameters(call) == {'use_sim_time': False}
    assert remappings(call) == {'__node': 'segmentation', '__ns': '/'}
    assert 'segmentation:=info' in call['argv']
    assert call['profiles'] == [str(config / 'fastdds_profile.xml')] * 2


def test_every_argument_arrives(prefix, tmp_path):
    parameters = tmp_path / 'own.yaml'
    parameters.write_text('/**: {ros__parameters: {sync.wait_s: 0.03}}')
    given = {
        'namespace': 'front',
        'params_file': parameters,
        'use_sim_time': 'true',
        'rgb_topic': '/camera/color/image_raw',
        'thermal_topic': 'flir/image_raw',
        'depth_topic': 'depth_image',
        'bundle': 'mm5',
        'backend': 'openvino',
        'autostart': 'false',
        'log_level': 'debug',
    }
    call = prefix.launch('robust_seg.launch.py', ['segmentation'], given)['segmentation']
    assert parameter_files(call)[0] == str(parameters)
    assert node_parameters(call) == {
        'use_sim_time': True,
        'engine.bundle': 'mm5',
        'engine.backend': 'openvino',
    }
    assert remappings(call) == {
        '__node': 'segmentation',
        '__ns': '/front',
        'rgb/image': '/camera/color/image_raw',
        'rgb/camera_info': '/camera/color/camera_info',
        'thermal/image': 'flir/image_raw',
        'thermal/camera_info': 'flir/camera_info',
        'depth/image': 'depth_image',
        'depth/camera_info': 'camera_info',
    }
    assert 'front.segmentation:=debug' in call['argv']


@pytest.fixture
def asking(monkeypatch):
    """A node beside the launched ones, and its executor.

    Fast DDS reads its profile once in a process, and later tests need it.
    """
    rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        monkeypatch.setenv(name, str(ROOT / 'config' / 'fastdds_profile.xml'))
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = rclpy.create_node('asking', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    yield node, executor
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def ask_state(asking):
    """Ask the launched node for its lifecycle state; None as long as it does not answer."""
    from lifecycle_msgs.srv import GetState

    node, executor = asking
    client = node.create_client(GetState, '/segmentation/get_state')

    def ask():
        future = client.call_async(GetState.Request())
        executor.spin_until_future_complete(future, 1.0)
        return future.result().current_state.label if future.done() else None

    return ask


@pytest.fixture
def listen(asking):
    """Tell whether an image has come on a topic."""
    from sensor_msgs.msg import Image

    node, executor = asking

    def to(topic):
        came = []
        node.create_subscription(Image, topic, came.append, 1)

        def heard():
            executor.spin_once(timeout_sec=0.1)
            return bool(came)

        return heard

    return to


@pytest.mark.parametrize(('autostart', 'wanted'), [('true', 'active'), ('false', 'unconfigured')])
def test_the_real_node_is_activated_unless_autostart_is_off_and_rviz_stays_closed(
    prefix, tiny_bundle, ask_state, autostart, wanted
):
    """Unconfigured has to last, since every node begins so."""
    told = []

    def has_lasted():
        if (state := ask_state()) is None:
            return False
        told.append((time.monotonic(), state))
        since_s = next((at_s for at_s, state in told if state == wanted), told[-1][0])
        return told[-1][0] - since_s > (4.0 if wanted == 'unconfigured' else 0.0)

    prefix.real('segmentation', 'mm_robust_seg.ros.node.node')
    given = {'bundle': tiny_bundle, 'autostart': autostart}
    prefix.launch('robust_seg.launch.py', [], given, until=has_lasted)
    assert told[-1][1] == wanted
    assert not prefix.was_called('rviz2')


def test_a_fast_dds_profile_of_the_user_is_kept(prefix):
    own = {'FASTRTPS_DEFAULT_PROFILES_FILE': '/my/profile.xml'}
    calls = prefix.launch('robust_seg.launch.py', ['segmentation'], environment=own)
    assert calls['segmentation']['profiles'] == ['/my/profile.xml'] * 2


@pytest.mark.parametrize('file', ['robust_seg.launch.py', 'demo.launch.py'])
def test_a_parameter_file_that_is_missing_ends_the_launch(prefix, file):
    given = {'params_file': '/nowhere/own.yaml'}
    with pytest.raises(AssertionError, match=r'params_file:=/nowhere/own\.yaml is no file'):
        prefix.launch(file, ['never'], given)
    assert not prefix.was_called('segmentation')


@pytest.mark.parametrize(
    ('file', 'name', 'value'),
    [
        ('robust_seg.launch.py', 'autostart', 'flase'),
        ('robust_seg.launch.py', 'respawn', '1'),
        ('robust_seg.launch.py', 'log_level', 'verbose'),
        ('demo.launch.py', 'repeat', 'no'),
        ('demo.launch.py', 'log_level', 'verbose'),
    ],
)
def test_a_value_that_is_no_choice_ends_the_launch(prefix, file, name, value):
    with pytest.raises(AssertionError, match=f'"{name}".* not valid'):
        prefix.launch(file, ['never'], {name: value})
    assert not prefix.was_called('segmentation')


@pytest.mark.parametrize('file', ['robust_seg.launch.py', 'demo.launch.py'])
def test_the_launch_ends_with_the_node(prefix, file):
    starts = prefix.dying('segmentation')
    with pytest.raises(AssertionError, match=r'(?s)the launch has ended: .*exit code 3'):
        prefix.launch(file, ['never'])
    assert starts.read_text() == 'once\n'


def test_a_node_that_died_is_started_again_where_that_is_asked_for(prefix):
    starts = prefix.dying('segmentation')
    twice = lambda: starts.read_text().count('once') >= 2  # noqa: E731
    prefix.launch('robust_seg.launch.py', [], {'respawn': 'true'}, until=twice)


@pytest.mark.parametrize('autostart', ['true', 'false'])
def test_a_node_that_comes_again_configures_itself(prefix, autostart):
    given = {'respawn': 'true', 'autostart': autostart}
    call = prefix.launch('robust_seg.launch.py', ['segmentation'], given)['segmentation']
    assert (call['argv'][0] == '--autostart') == (autostart == 'true')


def _displayed(prefix):
    """Return the topics of the RViz file, with the camera_info that RViz adds."""
    path = prefix.folder / 'share' / 'mm_robust_seg' / 'config' / 'robust_seg.rviz'
    displays = yaml.safe_load(path.read_text())['Visualization Manager']['Displays']
    topics = {d['Topic']['Value'] for d in displays if 'Topic' in d}
    topics |= {d[key] for d in displays for key in d if key.endswith(' Topic')}
    return topics | {topic.rpartition('/')[0] + '/camera_info' for topic in topics}


def test_rviz_is_sent_to_the_topics_of_the_node(prefix):
    given = {'rviz': 'true', 'autostart': 'false', 'namespace': 'front'}
    topics = {f'{m}_topic': f'/robot/{m}/image_raw' for m in Modality}
    call = prefix.launch('robust_seg.launch.py', ['rviz2'], given | topics)['rviz2']
    found = remappings(call)
    for topic in _displayed(prefix):
        _, first, name = topic.split('/')
        if first == 'segmentation':
            assert found[topic] == f'/front{topic}'
        else:
            assert found[topic] == f'/robot/{first}/{name.replace("image", "image_raw")}'
    assert call['argv'][:2][0] == '-d'
    assert call['argv'][1].endswith('/config/robust_seg.rviz')
    assert node_parameters(call) == {'use_sim_time': False}


def test_rviz_without_a_namespace_needs_no_remapping(prefix):
    given = {'rviz': 'true', 'autostart': 'false'}
    calls = prefix.launch('robust_seg.launch.py', ['rviz2', 'segmentation'], given)
    assert set(remappings(calls['rviz2'])) <= {'__ns'}


def test_the_demo_starts_rig_node_and_rviz(prefix):
    programs = ['rig', 'segmentation', 'rviz2']
    calls = prefix.launch('demo.launch.py', programs, {'repeat': 'false'})
    config = prefix.folder / 'share' / 'mm_robust_seg' / 'config'
    assert node_parameters(calls['rig']) == {
        'scenario': str(config / 'demo_scenario.yaml'),
        'repeat': False,
        'autostart': True,
    }
    assert parameter_files(calls['segmentation'])[0] == str(config / 'demo.yaml')
    assert node_parameters(calls['segmentation'])['engine.bundle'] == 'sim'
    profile = str(config / 'fastdds_profile.xml')
    assert {p for call in calls.values() for p in call['profiles']} == {profile}


def test_the_demo_takes_a_namespace_and_a_parameter_file(prefix, tmp_path):
    own = tmp_path / 'own.yaml'
    own.write_text('/**: {ros__parameters: {sync.wait_s: 0.03}}')
    given = {'namespace': 'front', 'params_file': own}
    calls = prefix.launch('demo.launch.py', ['rig', 'segmentation'], given)
    assert {remappings(call)['__ns'] for call in calls.values()} == {'/front'}
    assert parameter_files(calls['segmentation'])[0] == str(own)


def test_the_real_demo_gives_masks_in_a_namespace(prefix, listen):
    scenario = prefix.folder / 'short.yaml'
    scenario.write_text('phases: [{name: all sensors, duration_s: 60}]')
    for program, module in (('segmentation', 'node'), ('rig', 'rig')):
        prefix.real(program, 'mm_robust_seg.cli', module)
    given = {'namespace': 'front', 'rviz': 'false', 'scenario': scenario}
    heard = listen('/front/segmentation/mask')
    prefix.launch('demo.launch.py', [], given, until=heard, timeout_s=120.0)


def test_a_bag_starts_when_the_real_node_is_active(prefix, tiny_bundle):
    prefix.real('segmentation', 'mm_robust_seg.ros.node.node')
    given = {'bag': '/my/bag', 'bundle': tiny_bundle, 'rate': 0.5, 'loop': 'true'}
    call = prefix.launch('replay.launch.py', ['ros2'], given)['ros2']
    assert call['argv'] == ['bag', 'play', '/my/bag', '--rate', '0.5', '--clock', '200', '--loop']
    log = prefix.log.read_text()
    assert 0 < log.index('bundle tiny') < log.index('[ros2-2]: process started')


@pytest.mark.parametrize(
    ('renamed', 'topics'),
    [
        ({}, '/{}/image'),
        ({f'{m}_topic': f'/cameras/{m}' for m in Modality}, '/cameras/{}'),
        ({'namespace': 'front'}, '/front/{}/image'),
        ({'namespace': 'front', 'rgb_topic': '/front/rgb/image'}, '/front/{}/image'),
    ],
    ids=['default', 'arguments', 'namespace', 'both'],
)
def test_a_scenario_breaks_a_copy_of_the_bag(prefix, tiny_bundle, tmp_path, renamed, topics):
    bag, scenario = tmp_path / 'bag', tmp_path / 'scenario.yaml'
    with BagWriter(bag) as writer:
        for modality in Modality:
            pixels = np.zeros((4, 4), np.uint16)
            writer.write(topics.format(modality), pixels, '16UC1', 1_000_000_000, 'camera')
    scenario.write_text('phases: [{name: out, duration_s: 9, faults: {thermal: silent}}]')
    prefix.real('segmentation', 'mm_robust_seg.ros.node.node')
    given = {'bag': bag, 'bundle': tiny_bundle, 'scenario': scenario, **renamed}
    call = prefix.launch('replay.launch.py', ['ros2'], given)['ros2']
    played = Path(call['argv'][2])
    assert played != bag
    left = ', '.join(f'1 x {topics.format(m)}' for m in ('depth', 'rgb'))
    assert f'{left}\n' in prefix.log.read_text()
    assert not played.exists(), 'the copy was not removed'


def test_a_scenario_that_cannot_be_read_ends_the_launch(prefix, tmp_path):
    given = {'bag': tmp_path, 'scenario': tmp_path / 'missing.yaml'}
    with pytest.raises(AssertionError, match='cannot be read as a scenario'):
        prefix.launch('replay.launch.py', ['ros2'], given)
