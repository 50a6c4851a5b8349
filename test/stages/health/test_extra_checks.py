# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Health checks of installed packages: heard like ours, and harmless when they are broken."""

from __future__ import annotations

from dataclasses import replace

from cameras import FIXED
from episode import configured, DEPTH, RGB, running, THERMAL
from packages import install
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import HealthLevel
from mm_robust_seg.errors import ConfigError, PluginError
from mm_robust_seg.finding import Reason
from mm_robust_seg.stages.health.checks import checks_of, is_good

CHECKS = """
from mm_robust_seg.finding import Finding, Reason

def fails(seen, config):
    return Finding(Reason.EXTRA, 'it is bad', {'badness': 2})

def warns(seen, config):
    return Finding(Reason.EXTRA, 'it is odd', fails=False)

def calls_it_dark(seen, config):
    return Finding(Reason.DARK, 'the lamp is off')

def raises(seen, config):
    raise KeyError('gone')

def is_no_finding(seen, config):
    return True

def has_no_rule(seen, config):
    return Finding(Reason.WAITING, 'it waits')

def has_no_number(seen, config):
    return Finding(Reason.EXTRA, 'it is odd', {'much': 'a lot'})
"""
NAMES = [line.split()[1].partition('(')[0] for line in CHECKS.splitlines() if 'def ' in line]


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    module = f'checks_{tmp_path.name}'
    entries = {'mm_robust_seg.checks': {name: f'{module}:{name}' for name in NAMES}}
    monkeypatch.syspath_prepend(install(tmp_path / 'packages', 'odd', module, CHECKS, entries))


def shown(names: str):
    health = running(configured(monitor__extra_checks=names)).health(RGB)
    return health.reason, health.usable, health.detail, health.evidence


def test_what_it_finds_takes_the_sensor_out_of_use_with_its_sentence():
    assert shown('fails') == (Reason.EXTRA, False, 'fails: it is bad', {'badness': 2.0})


def test_it_may_warn():
    assert shown('warns')[:3] == (Reason.EXTRA, True, 'warns: it is odd')


def test_it_may_give_a_reason_of_ours():
    assert shown('calls_it_dark')[:3] == (Reason.DARK, False, 'calls_it_dark: the lamp is off')


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('raises', "KeyError('gone')"),
        ('is_no_finding', "no attribute 'reason'"),
        ('has_no_rule', 'WAITING is no reason that a check may give'),
        ('has_no_number', 'could not convert'),
    ],
)
def test_a_broken_one_warns_of_itself_and_blinds_nobody(name, words):
    episode = running(configured(monitor__extra_checks=name))
    for modality in (RGB, THERMAL, DEPTH):
        health = episode.health(modality)
        assert (health.level, health.usable) == (HealthLevel.WARN, True)
        assert health.detail.startswith(f'{name}: failed with ')
        assert words in health.detail
        assert 'take it out of monitor.extra_checks' in health.detail
    assert episode.run(500, rgb=None).health(RGB).reason is Reason.SILENT


def test_they_run_after_ours_each_once_and_none_unasked():
    ours = checks_of(Config())
    asked = checks_of(configured(monitor__extra_checks=' warns,fails , warns,'))
    assert asked[: len(ours) - 1] == ours[:-1]
    assert len(asked) == len(ours) + 2
    assert asked[-1] is ours[-1] is is_good


def test_one_that_is_not_installed_is_an_error_before_the_first_frame():
    with pytest.raises(PluginError, match=r"'wanrs': expected a plug-in of .*warns"):
        checks_of(configured(monitor__extra_checks='wanrs'))


def test_they_cannot_change_while_the_pipeline_runs(make_cameras):
    pipeline = make_cameras().pipeline
    with pytest.raises(ConfigError, match='extra_checks cannot change while the pipeline runs'):
        pipeline.reconfigure(configured(monitor__extra_checks='warns'))
    pipeline.reconfigure(replace(FIXED, output=replace(FIXED.output, max_rate_hz=5.0)))
