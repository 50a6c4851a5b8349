# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``break-bag``: the copy holds the faults, and everything else as it was."""

from __future__ import annotations

import json

from bag_making import PERIOD_NS, START_NS, write_bag, write_messages
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin

from mm_robust_seg import cli
from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.bag import BagImage, open_bag
from mm_robust_seg.recordings.storage import open_storage
from mm_robust_seg.recordings.writer import BagWriter

SCENARIO = """
phases:
  - {name: well, duration_s: 0.2}
  - {name: sick, duration_s: 0.2, faults: {thermal: silent, depth: frozen, rgb: dark}}
  - {name: well again, duration_s: 5}
"""


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / 'scenario.yaml'
    path.write_text(SCENARIO)
    return path


def _images(path, modality):
    with open_bag(path) as bag:
        items = [i for i in bag.images() if isinstance(i, BagImage)]
    return {i.image.stamp_ns: i.image for i in items if i.image.modality is modality}


def _break(bag, scenario, out, *options):
    words = ['break-bag', str(bag), '--scenario', str(scenario), '--out', str(out), *options]
    return cli.main(words)


def test_cameras_fail_in_the_copy(tmp_path, scenario, capsys):
    bag, out = write_bag(tmp_path / 'bag', count=18, with_truth=True), tmp_path / 'broken'
    assert _break(bag, scenario, out) == 0
    assert '/thermal/image' in capsys.readouterr().out
    sick = [START_NS + n * PERIOD_NS for n in range(7, 12)]
    before = {m: _images(bag, m) for m in Modality}
    after = {m: _images(out, m) for m in Modality}
    assert not set(sick) & set(after[Modality.THERMAL])
    for stamp_ns in sick:
        held = after[Modality.DEPTH][START_NS + 5 * PERIOD_NS]
        assert bytes(after[Modality.DEPTH][stamp_ns].data) == bytes(held.data)
        assert np.mean(after[Modality.RGB][stamp_ns].data) < 5
    for modality in Modality:
        for number in (0, 1, 2, 15, 16, 17):
            stamp_ns = START_NS + number * PERIOD_NS
            original, copied = before[modality][stamp_ns], after[modality][stamp_ns]
            assert bytes(copied.data) == bytes(original.data)
            assert copied.encoding == original.encoding
            assert copied.frame_id == original.frame_id


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_other_topics_are_copied(tmp_path, scenario, storage):
    messages = [
        ('/chatter', 'std_msgs/msg/String', START_NS + 1, {'data': 'hello'}),
        ('/chatter', 'std_msgs/msg/String', START_NS + 3, {'data': 'again'}),
    ]
    bag = write_bag(tmp_path / 'images', count=2)
    mixed = tmp_path / 'mixed'
    write_messages(mixed, messages, storage)
    assert _break(mixed, scenario, tmp_path / 'none') == 2
    out = tmp_path / 'out'
    with BagWriter(tmp_path / 'both') as writer:
        for source in (bag, mixed):
            stored = open_storage(source)
            for connection, time_ns, data in stored.messages(stored.connections):
                writer.copy(connection, time_ns, data)
            stored.close()
    assert _break(tmp_path / 'both', scenario, out) == 0
    stored = open_storage(out)
    texts = [
        bytes(data)
        for connection, _, data in stored.messages(stored.connections)
        if connection.topic == '/chatter'
    ]
    stored.close()
    assert [b'hello' in texts[0], b'again' in texts[1], len(texts)] == [True, True, 2]


def test_the_messages_are_counted_as_json(tmp_path, scenario, capsys):
    bag, out = write_bag(tmp_path / 'bag', count=18), tmp_path / 'broken'
    assert _break(bag, scenario, out, '--json') == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['bag'] == str(out)
    assert facts['messages'] == {
        f'/{modality}/image': len(_images(out, modality)) for modality in sorted(Modality, key=str)
    }
    assert facts['messages']['/thermal/image'] < facts['messages']['/depth/image']


def test_faults_of_the_clock_are_refused(tmp_path, scenario, capsys):
    scenario.write_text('phases: [{name: back, duration_s: 2, faults: {rig: loop}}]')
    bag = write_bag(tmp_path / 'bag', count=2)
    assert _break(bag, scenario, tmp_path / 'out') == 2
    assert 'which a bag cannot hold' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_compressed_topic_cannot_take_raw_pixels(tmp_path):
    raw = RawImage(Modality.RGB, 5, 1, 2, 'mono8', 2, b'ab')
    compressed = RawImage(Modality.RGB, 6, 0, 0, 'compressed jpeg', 0, b'abc')
    with (
        pytest.raises(Exception, match='raw images'),
        BagWriter(tmp_path / 'bag') as writer,
    ):
        writer.write_message('/rgb/image', compressed, 5)
        writer.write_message('/rgb/image', raw, 6)
    assert not (tmp_path / 'bag').exists()


def test_faults_beyond_the_end_of_the_bag_are_remarks(tmp_path, scenario, capsys):
    bag = write_bag(tmp_path / 'bag', count=4)
    assert _break(bag, scenario, tmp_path / 'broken', '--json') == 0
    (note,) = json.loads(capsys.readouterr().out)['notes']
    assert note == (
        'the images end after 0.10 s, before these phases of the scenario, from 0.2 s on: '
        "'sick', 'well again'"
    )
