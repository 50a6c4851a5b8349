# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.schema import flatten, Spec, with_values

PARAMETERS = {name: (value, spec) for name, value, spec in flatten(Config())}


def test_the_defaults_are_valid_and_documented() -> None:
    assert len(PARAMETERS) > 60
    for name, (value, spec) in PARAMETERS.items():
        spec.check(name, value)
        assert spec.doc.endswith('.'), f'{name} has no sentence'
        assert isinstance(value, (bool, int, float, str, list)), name


def test_numbers_carry_a_unit_or_are_counts_and_ratios() -> None:
    units = (
        '_s',
        '_hz',
        '_k',
        '_m',
        '_ratio',
        '_mean',
        '_std',
        '_len',
        '_frames',
        '_pixels',
        '_px',
        '_limit',
        '_steps',
        '_calls',
    )
    counts = ('engine.threads', 'engine.warmup_iterations', 'engine.device_id')
    for name, (value, _) in PARAMETERS.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            assert name.endswith(units) or name in counts, name


def test_names_are_those_of_the_interface() -> None:
    expected = {
        'engine.bundle': 'sim',
        'inputs.thermal.scale_k': 0.01,
        'inputs.depth.max_m': 20.0,
        'inputs.rgb.expected_rate_hz': 0.0,
        'inputs.rgb.hold_s': 0.0,
        'sync.max_skew_s': 0.0,
        'sync.wait_s': 0.0,
        'sync.max_wait_s': 0.1,
        'monitor.thermal.ffc_max_s': 3.0,
        'monitor.rgb.dark_mean': 20.0,
        'hysteresis.min_dwell_s': 0.5,
        'policy.on_none': 'unlabeled',
    }
    assert {name: PARAMETERS[name][0] for name in expected} == expected


def test_only_engine_inputs_recovery_and_plugins_are_fixed_while_active() -> None:
    for name, (_, spec) in PARAMETERS.items():
        fixed = (
            name.split('.')[0] in ('engine', 'inputs', 'recovery')
            or name == 'monitor.extra_checks'
        )
        assert spec.live == (not fixed), name


NUMBERS = [n for n, (v, _) in PARAMETERS.items() if type(v) is float]


@given(st.sampled_from(NUMBERS), st.floats(0.2, 0.9))
def test_a_changed_value_is_found_again_and_nothing_else_changes(name: str, value: float) -> None:
    spec = PARAMETERS[name][1]
    if spec.minimum is not None and value < spec.minimum:
        return
    if name in ('inputs.depth.max_m', 'inputs.depth.min_m', 'inputs.thermal.valid_max_k'):
        return
    changed = {n: v for n, v, _ in flatten(with_values(Config(), {name: value}))}
    assert changed == {n: v for n, (v, _) in PARAMETERS.items()} | {name: value}


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'sync.wait_ms': 20}, r"'sync.wait_ms'; did you mean sync.wait_s\?"),
        ({'sync.wait_s': -0.1}, 'sync.wait_s is -0.1: expected a value from 0 to 10'),
        ({'sync.wait_s': float('nan')}, 'expected a finite number'),
        ({'sync.wait_s': '20 ms'}, "'20 ms' of type str: expected float"),
        ({'sync.wait_s': True}, 'of type bool: expected float'),
        ({'sync.buffer_len': 2.0}, 'of type float: expected int'),
        ({'sync.reference': 'lidar'}, "'lidar': expected one of rgb, thermal, depth"),
        ({'sync.fallback_order': ['rgb', 'lidar']}, "'lidar'"),
        ({'sync.fallback_order': [1]}, 'expected list'),
        ({'inputs.thermal.scale_k': 0.0}, 'of at least'),
        ({f'inputs.{m}.enabled': False for m in Modality}, 'no input is enabled'),
        ({'inputs.rgb.enabled': False, 'inputs.rgb.required': True}, 'rgb is required but not'),
        ({'inputs.depth.min_m': 30.0}, 'must be ranges'),
        ({'inputs.thermal.valid_min_k': 500.0}, 'must be ranges'),
        ({'policy.force_set': 'rgb+lidar'}, 'rgb\\+lidar'),
        ({'policy.force_set': 'rgb', 'inputs.rgb.enabled': False}, 'only thermal\\+depth'),
    ],
)
def test_a_wrong_value_is_refused_in_words(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_values(Config(), values)


def test_an_integer_is_good_enough_for_a_number_and_stays_one() -> None:
    changed = with_values(Config(), {'sync.wait_s': 1})
    assert changed.sync.wait_s == 1.0
    assert isinstance(changed.sync.wait_s, float)


def test_values_do_not_leak_between_configurations() -> None:
    with_values(Config(), {'sync.fallback_order': ['depth']})
    Config().sync.fallback_order.append('rgb')
    assert Config().sync.fallback_order == ['rgb', 'thermal', 'depth']


def test_inputs_by_modality() -> None:
    config = with_values(Config(), {'inputs.depth.required': True})
    assert config.inputs[Modality.DEPTH] is config.inputs.depth
    assert config.monitor[Modality.THERMAL] is config.monitor.thermal
    assert config.inputs.enabled == COMPLETE
    assert list(config.inputs.required) == [Modality.DEPTH]


def test_the_reference_comes_first_and_nobody_is_forgotten() -> None:
    values = {'sync.reference': 'depth', 'sync.fallback_order': ['thermal']}
    order = with_values(Config(), values).sync.reference_order
    assert order == (Modality.DEPTH, Modality.THERMAL, Modality.RGB)


def test_bounds_in_words() -> None:
    assert Spec('').bounds() == ''
    assert Spec('', 1, 2).bounds() == 'from 1 to 2'
    assert Spec('', 1).bounds() == 'of at least 1'
    assert Spec('', None, 2).bounds() == 'of at most 2'


def test_off_as_yaml_reads_it_is_taken_where_it_is_a_word() -> None:
    config = with_values(Config(), {'engine.cache': False, 'sync.held_frames': False})
    assert (config.engine.cache, config.sync.held_frames) == ('off', 'off')
    for name in ('engine.bundle', 'recovery.rgb.service', 'policy.degraded'):
        with pytest.raises(ConfigError, match=f'{name} is False of type bool: expected str'):
            with_values(Config(), {name: False})


@given(st.lists(st.sampled_from([m.value for m in Modality])))
def test_a_list_holds_no_more_than_the_kinds_there_are(order: list[str]) -> None:
    if len(order) <= len(Modality):
        assert with_values(Config(), {'sync.fallback_order': order}).sync.fallback_order == order
    else:
        with pytest.raises(ConfigError, match=f'has {len(order)} entries: expected at most 3'):
            with_values(Config(), {'sync.fallback_order': order})
