# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The workflows: valid YAML, pinned actions, commands and Python versions that exist."""

from __future__ import annotations

import re

from interface import ROOT
import pytest
import yaml

WORKFLOWS = sorted((ROOT / '.github' / 'workflows').glob('*.yml'))


def _jobs(path):
    return yaml.safe_load(path.read_text())['jobs']


def _steps(path):
    return [step for job in _jobs(path).values() for step in job['steps']]


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_can_run(path):
    tree = yaml.safe_load(path.read_text())
    assert set(tree[True]) == {'push', 'pull_request'}  # YAML 1.1 reads the key "on" as true
    assert tree['permissions'] == {'contents': 'read'}
    for job in tree['jobs'].values():
        assert re.fullmatch(r'ubuntu-\d\d\.04', job['runs-on'])
        assert job['timeout-minutes'] <= 60
        assert job['steps'][0]['uses'].startswith('actions/checkout@')


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_release_or_a_commit(path):
    used = [step['uses'] for step in _steps(path) if 'uses' in step]
    assert used
    for action in used:
        assert re.fullmatch(r'[\w-]+/[\w-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})', action)


def test_the_commands_are_targets_of_the_makefile():
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    commands = [s['run'] for s in _steps(ROOT / '.github/workflows/python.yml') if 'run' in s]
    assert commands == ['make lint', 'make test', 'make demo']
    assert {command.removeprefix('make ') for command in commands} <= targets


def test_every_gate_is_lint_and_then_test():
    """What .ci/run, `make check`, the workflow and pre-commit ask for cannot drift apart."""
    script = (ROOT / '.ci' / 'run').read_text().splitlines()
    assert [line for line in script if line.startswith('make')] == ['make lint', 'make test']
    makefile = (ROOT / 'Makefile').read_text()
    assert re.findall(r'^check:([^#\n]*)', makefile, re.MULTILINE) == [' lint test ']
    [hooks] = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())['repos']
    assert [hook['entry'] for hook in hooks['hooks']] == ['make lint']


def test_lint_runs_all_four_tools():
    recipe = re.search(r'^lint:.*\n((?:\t.*\n)+)', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    commands = [line.split('/bin/')[-1].split(')')[-1].strip() for line in recipe[1].splitlines()]
    assert commands == ['-m ruff format --check', '-m ruff check', '-m mypy', 'lint-imports']


def test_python_and_ros_versions_are_those_we_support():
    python = _jobs(ROOT / '.github/workflows/python.yml')['test']['strategy']['matrix']['python']
    assert python == ['3.10', '3.11', '3.12', '3.13', '3.14']
    assert f"python_requires='>={python[0]}'" in (ROOT / 'setup.py').read_text()
    ros = _jobs(ROOT / '.github/workflows/ros.yml')['colcon']
    assert ros['strategy']['matrix']['distro'] == ['humble', 'jazzy', 'kilted', 'lyrical']


def test_colcon_has_what_rosdep_cannot_install():
    """The requirements that package.xml cannot name are installed with pip, in equal versions."""
    [step] = [s for s in _steps(ROOT / '.github/workflows/ros.yml') if 'env' in s]
    command = step['env']['AFTER_INSTALL_TARGET_DEPENDENCIES']
    listed = {
        line
        for name in ('runtime', 'train', 'test')
        for line in (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    }
    asked = set(re.findall(r'"([\w-]+>=[^"]+)"', command))
    assert {re.split('>=', item)[0] for item in asked} >= {'openvino', 'onnx', 'safetensors'}
    assert asked <= listed


def test_the_issue_forms_are_forms():
    paths = sorted((ROOT / '.github' / 'ISSUE_TEMPLATE').glob('*.yml'))
    assert [path.stem for path in paths] == ['bug', 'wish']
    for form in (yaml.safe_load(path.read_text()) for path in paths):
        assert form['name'] and form['description']
        fields = {field['id']: field for field in form['body']}
        assert len(fields) == len(form['body'])
        for field in fields.values():
            assert field['type'] in ('textarea', 'input')
            assert field['attributes']['label'] and field['attributes']['description']
        assert any(field.get('validations', {}).get('required') for field in fields.values())
