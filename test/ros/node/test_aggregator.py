# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The shipped grouping for diagnostic_aggregator, against the names that the node publishes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

pytest.importorskip('rclpy', reason='rclpy is not installed')

from mm_robust_seg.dataflow import HealthLevel, HealthReport, Reason, SensorHealth
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.ros.node import diagnostics
from mm_robust_seg.ros.node.threads.engine_thread import EngineState

pytestmark = pytest.mark.ros

ROOT = Path(__file__).parents[3]
NODES = ('segmentation', 'robot1/segmentation')


@pytest.fixture(scope='module')
def analyzers():
    tree = yaml.safe_load((ROOT / 'config' / 'diagnostics_aggregator.yaml').read_text())
    [(name, node)] = tree.items()
    assert name == 'analyzers', 'the name that aggregator_node has'
    parameters = node['ros__parameters']
    assert isinstance(parameters.pop('path'), str)
    return dict(_leaves(parameters))


def _leaves(group):
    """Yield the GenericAnalyzers by path; every entry has what the plug-in asks for."""
    for entry in group.values():
        assert isinstance(entry['path'], str)
        if entry['type'] == 'diagnostic_aggregator/AnalyzerGroup':
            assert set(entry) == {'type', 'path', 'analyzers'}
            for path, leaf in _leaves(entry['analyzers']):
                yield f'{entry["path"]}/{path}', leaf
        else:
            assert entry['type'] == 'diagnostic_aggregator/GenericAnalyzer'
            assert set(entry) <= {'type', 'path', 'contains', 'timeout'}
            assert all(isinstance(text, str) for text in entry['contains'])
            yield entry['path'], entry


def _names(node):
    health = {m: SensorHealth(m, HealthLevel.OK, Reason.OK, True, '', 0) for m in Modality}
    state = diagnostics.State(HealthReport(0, health), COMPLETE, ModalitySet())
    engine = EngineState('engine', '', True, Counter())
    return [
        *(diagnostics.sensor_status(node, item, None) for item in health.values()),
        diagnostics.modality_state(f'{node}: modality', state),
        diagnostics.engine_status(node, engine, {}),
        diagnostics.output_status(node, engine, {'mask_hz': 1, 'degraded_hz': 0}),
    ]


@pytest.mark.parametrize('node', NODES)
def test_every_task_falls_into_exactly_one_group(analyzers, node):
    for status in _names(node):
        homes = [
            path
            for path, leaf in analyzers.items()
            if any(text in status.name for text in leaf['contains'])
        ]
        assert len(homes) == 1, (status.name, homes)


def test_sensors_and_the_rest_are_apart(analyzers):
    homes = {}
    for status in _names('segmentation'):
        task = status.name.rpartition(': ')[2]
        homes[task] = next(
            path
            for path, leaf in analyzers.items()
            if any(text in status.name for text in leaf['contains'])
        )
    assert homes['rgb'] == homes['thermal'] == homes['depth'] != homes['engine']
    assert homes['modality'] == homes['engine'] == homes['output']


@pytest.mark.parametrize('node', NODES)
def test_names_and_hardware_are_what_monitors_group_by(node):
    for status in _names(node):
        assert status.name.startswith(f'{node}: ')
        assert status.hardware_id == node
