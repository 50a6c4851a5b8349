# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The schema as ROS parameters: ranges, refusals, and files with mistakes."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.node import Node
from rclpy.parameter import Parameter

from mm_robust_seg.config import Config
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.ros.node.parameters import Parameters
from mm_robust_seg.schema import flatten, with_values

pytestmark = pytest.mark.ros


@pytest.fixture
def declare(ros):
    """Make the parameters of a node whose files say the given values."""
    nodes = []

    def make(**overrides):
        given = [Parameter(name.replace('__', '.'), value=v) for name, v in overrides.items()]
        node = Node('tested', parameter_overrides=given)
        nodes.append(node)
        return node, Parameters(node)

    yield make
    for node in nodes:
        node.destroy_node()


def test_every_parameter_is_declared_with_its_text_and_range(declare):
    node, _ = declare()
    for name, default, spec in flatten(Config()):
        told = node.describe_parameter(name)
        assert told.description == spec.doc
        assert ('unconfigured' in told.additional_constraints) == (not spec.live)
        assert all(choice in told.additional_constraints for choice in spec.choices)
        ranges = [*told.floating_point_range, *told.integer_range]
        bounded = isinstance(default, (int, float)) and not isinstance(default, bool)
        assert bool(ranges) == (bounded and (spec.minimum, spec.maximum) != (None, None)), name
        for limits in ranges:
            assert spec.minimum is None or limits.from_value == spec.minimum
            assert spec.maximum is None or limits.to_value == spec.maximum


def test_without_a_file_the_configuration_is_the_default(declare):
    _, parameters = declare()
    assert parameters.config() == Config()
    assert parameters.warnings == []


def test_a_file_is_followed_and_integers_serve_as_floats(declare):
    _, parameters = declare(sync__wait_s=1, sync__fallback_order=['depth', 'rgb'])
    wanted = {'sync.wait_s': 1.0, 'sync.fallback_order': ['depth', 'rgb']}
    assert parameters.config() == with_values(Config(), wanted)


@pytest.mark.parametrize(
    ('name', 'value', 'found', 'expected'),
    [
        ('sync.wait_s', -1.0, '-1.0', '0 to 10'),
        ('sync.buffer_len', 'many', "'many'", 'int'),
        ('engine.backend', 'abacus', "'abacus'", 'openvino'),
        ('inputs.rgb.enabled', 1, '1', 'bool'),
        ('sync.fallback_order', ['rgb', 'sonar'], "'sonar'", 'thermal'),
        ('monitor.rgb.max_age_s', float('nan'), 'nan', 'finite'),
        ('sync.fallback_order', None, 'an empty list', 'thermal'),
        ('sync.fallback_order', [1, 2], '[1, 2]', 'list of texts'),
        ('sync.wait_s', [0.1, 0.2], '[0.1, 0.2]', 'float'),
        ('engine.threads', 2.5, '2.5', 'int'),
    ],
)
def test_a_mistake_in_a_file_is_named_and_refused_until_set_right(
    declare, name, value, found, expected
):
    _, parameters = declare(**{name.replace('.', '__'): value})
    with pytest.raises(ConfigError) as raised:
        parameters.config()
    for text in (name, found, expected):
        assert text in str(raised.value)
    default = next(v for n, v, _ in flatten(Config()) if n == name)
    parameters.changed([Parameter(name, value=default)], configured=False)
    assert parameters.config() == Config()


def test_an_unknown_name_is_a_warning_with_a_suggestion(declare):
    _, parameters = declare(sync__wait=1.0)
    assert parameters.warnings == ["unknown parameter 'sync.wait'; did you mean sync.wait_s?"]
    assert parameters.config() == Config()


def test_values_that_contradict_each_other_are_refused(declare):
    _, parameters = declare(inputs__depth__min_m=30.0)
    with pytest.raises(ConfigError, match='min_m'):
        parameters.config()


def test_values_that_only_fit_together_are_accepted(declare):
    _, parameters = declare(inputs__depth__min_m=30.0, inputs__depth__max_m=50.0)
    assert parameters.config().inputs.depth.min_m == 30.0


def test_a_live_parameter_changes_while_configured(declare):
    _, parameters = declare()
    config = parameters.changed([Parameter('sync.wait_s', value=0.05)], configured=True)
    sync = dataclasses.replace(Config().sync, wait_s=0.05)
    assert config == dataclasses.replace(Config(), sync=sync)


@pytest.mark.parametrize(
    ('name', 'value'), [('engine.bundle', 'mm5'), ('inputs.rgb.transport', 'compressed')]
)
def test_a_fixed_parameter_is_refused_while_configured(declare, name, value):
    _, parameters = declare()
    change = [Parameter(name, value=value)]
    with pytest.raises(ConfigError, match=f'{name} cannot change'):
        parameters.changed(change, configured=True)
    changed = with_values(Config(), {name: value})
    assert parameters.changed(change, configured=False) == changed != Config()


def test_off_without_quotes_is_a_word_where_it_means_something(declare):
    """YAML 1.1, which ROS reads, takes it for false."""
    _, parameters = declare(engine__cache=False, sync__held_frames=False)
    config = parameters.config()
    assert (config.engine.cache, config.sync.held_frames) == ('off', 'off')


def test_a_list_longer_than_its_choices_is_refused_in_a_sentence(declare):
    _, parameters = declare(sync__fallback_order=['rgb'] * 1_000_000)
    with pytest.raises(ConfigError) as raised:
        parameters.config()
    assert str(raised.value) == (
        'sync.fallback_order has 1000000 entries: expected at most 3, '
        'each one of rgb, thermal, depth'
    )


def test_foreign_parameters_are_let_through(declare):
    _, parameters = declare()
    assert parameters.changed([Parameter('use_sim_time', value=True)], configured=True) is None
