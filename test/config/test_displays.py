# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""RViz and Foxglove: panels that exist, topics that exist, and policies that match."""

from __future__ import annotations

from collections.abc import Iterator
import json
import re

from interface import INPUTS, NODE, node_source, outputs, parameter_file, reliability, ROOT
import pytest
import yaml

RVIZ = yaml.safe_load((ROOT / 'config' / 'robust_seg.rviz').read_text())
DISPLAYS = RVIZ['Visualization Manager']['Displays']
LAYOUT = json.loads((ROOT / 'config' / 'foxglove_layout.json').read_text())

# Classes of rviz_default_plugins and rviz_common, Humble to Kilted.
DISPLAY_CLASSES = {'Image', 'Camera', 'PointCloud2', 'DepthCloud', 'TF', 'Grid'}
PANEL_CLASSES = {
    f'rviz_common/{name}'
    for name in ('Displays', 'Help', 'Selection', 'Time', 'Tool Properties', 'Views')
}
TOOL_CLASSES = {'MoveCamera', 'Interact', 'Select', 'FocusCamera', 'Measure'}
RELIABILITIES = {'RELIABLE': 'Reliable', 'BEST_EFFORT': 'Best Effort'}


def _plugins(names: set[str]) -> set[str]:
    return {f'rviz_default_plugins/{name}' for name in names}


def _shown(display: dict) -> Iterator[tuple[str, str]]:
    """Yield (topic, reliability that the display asks for)."""
    if 'Topic' in display:
        yield display['Topic']['Value'], display['Topic']['Reliability Policy']
    for key in ('Depth Map Topic', 'Color Image Topic'):
        if key in display:
            yield display[key], display['Reliability Policy'].replace('effort', 'Effort')


def test_the_frame_of_the_rig_is_optical_and_the_one_that_rviz_shows():
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    from mm_robust_seg.ros.rig.camera import FRAME_ID

    assert FRAME_ID.endswith('_optical_frame')
    assert RVIZ['Visualization Manager']['Global Options']['Fixed Frame'] == FRAME_ID


def test_rviz_classes_exist():
    assert {d['Class'] for d in DISPLAYS} <= _plugins(DISPLAY_CLASSES)
    assert {p['Class'] for p in RVIZ['Panels']} <= PANEL_CLASSES
    assert {t['Class'] for t in RVIZ['Visualization Manager']['Tools']} <= _plugins(TOOL_CLASSES)
    names = [display['Name'] for display in DISPLAYS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize('display', DISPLAYS, ids=lambda display: display['Name'])
def test_an_rviz_display_hears_its_topic(display):
    """A Reliable subscription hears nothing of a Best Effort publisher."""
    for topic, asked in _shown(display):
        if topic in outputs():
            assert asked in ('Best Effort', RELIABILITIES[reliability(outputs()[topic])])
        else:
            assert topic in INPUTS
            assert asked == 'Best Effort' == RELIABILITIES[reliability('SENSOR')]


def test_rviz_shows_what_it_should():
    shown = {(d['Class'].rpartition('/')[2], topic) for d in DISPLAYS for topic, _ in _shown(d)}
    assert shown >= {
        ('Image', f'{NODE}/overlay'),
        ('Image', f'{NODE}/color_mask'),
        ('Image', f'{NODE}/thermal_view'),
        ('Image', '/rgb/image'),
        ('Image', '/thermal/image'),
        ('Image', '/depth/image'),
        ('Camera', f'{NODE}/overlay'),
        ('DepthCloud', '/depth/image'),
        ('DepthCloud', f'{NODE}/color_mask'),
    }
    assert {d['Class'].rpartition('/')[2] for d in DISPLAYS} >= {'TF', 'Grid'}
    [depth] = [d for d in DISPLAYS if d.get('Topic', {}).get('Value') == '/depth/image']
    assert depth['Normalize Range']


def test_the_displays_with_a_camera_find_its_parameters():
    """RViz takes the camera_info beside the image."""
    beside = {
        topic.rpartition('/')[0] + '/camera_info'
        for d in DISPLAYS
        for topic, _ in _shown(d)
        if d['Class'].endswith('/Camera') or topic == d.get('Depth Map Topic')
    }
    assert beside == {f'{NODE}/camera_info', '/depth/camera_info'}
    assert beside <= {*outputs(), *INPUTS}


def _leaves(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        yield from _leaves(tree['first'])
        yield from _leaves(tree['second'])


def test_the_foxglove_layout_places_each_panel_once():
    placed = list(_leaves(LAYOUT['layout']))
    assert sorted(placed) == sorted(LAYOUT['configById'])
    kinds = {name.partition('!')[0] for name in placed}
    assert kinds == {'Image', 'StateTransitions', 'Plot', 'DiagnosticSummary'}


def test_the_foxglove_pictures_are_topics():
    panels = LAYOUT['configById'].values()
    topics = {panel['imageMode']['imageTopic'] for panel in panels if 'imageMode' in panel}
    assert topics >= {f'{NODE}/overlay', f'{NODE}/color_mask', '/rgb/image', '/depth/image'}
    assert topics <= {*outputs(), *INPUTS}
    assert LAYOUT['configById']['DiagnosticSummary!all']['topicToRender'] in outputs()


def _paths(panel: str) -> list[tuple[str, str]]:
    """Return (topic and field, key) of a panel whose lines are values of diagnostics."""
    form = re.compile(r'(.+)\.values\[:\]\{key=="(\w+)"\}\.value')
    matches = [form.fullmatch(path['value']) for path in LAYOUT['configById'][panel]['paths']]
    return [match.groups() for match in matches]


def test_the_foxglove_lines_are_values_that_the_node_gives():
    diagnostics = node_source('diagnostics')
    for panel, place in (
        ('StateTransitions!sensors', f'{NODE}/modality_state'),
        ('Plot!latency', f'{NODE}/frame_info.status[:]'),
    ):
        for path, key in _paths(panel):
            assert path == place
            sensor = f'inputs.{key}.enabled' in parameter_file()
            assert sensor or f"'{key}':" in diagnostics
    assert 'end_to_end_ms' in dict(map(reversed, _paths('Plot!latency')))
