# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Parameters given as text."""

from __future__ import annotations

import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema import flatten, parse_settings, with_values


def test_every_parameter_can_be_given_as_text():
    for name, value, _ in flatten(Config()):
        text = ','.join(value) if isinstance(value, list) else str(value)
        settings = parse_settings([f'{name}={text}'], Config())
        assert settings == {name: value}
        assert type(settings[name]) is type(value)
        assert with_values(Config(), settings) == Config()


def test_the_rest_keeps_its_value():
    texts = ['inputs.rgb.expected_rate_hz=5', 'sync.wait_s = 0.1', 'inputs.depth.enabled=False']
    config = with_values(Config(), parse_settings(texts, Config()))
    assert config.inputs.rgb.expected_rate_hz == 5.0
    assert config.sync.wait_s == 0.1
    assert not config.inputs.depth.enabled


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('sync.wait_s', 'name=value'),
        ('sync.wait_s=fast', 'a number'),
        ('sync.wait_s=nan', 'finite'),
        ('sync.buffer_len=1.5', 'whole number'),
        ('inputs.rgb.enabled=maybe', 'true or false'),
        ('sync.waits=1', 'did you mean'),
        ('sync.reference=sonar', 'expected one of'),
        ('sync.wait_s=-1', 'from 0'),
    ],
)
def test_what_does_not_fit_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        with_values(Config(), parse_settings([text], Config()))
