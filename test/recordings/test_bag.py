# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bags: round trips, and every way in which one can be wrong."""

from __future__ import annotations

from pathlib import Path
import sqlite3
import struct

from bag_making import (
    header,
    only_file,
    PERIOD_NS,
    picture,
    START_NS,
    truth,
    write_bag,
    write_messages,
    write_split_bag,
)
import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_typestore, Stores

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.recordings.bag import BagImage, BagTruth, open_bag
from mm_robust_seg.recordings.storage import natural_key
from mm_robust_seg.recordings.topics import COMPRESSED, IMAGE
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.stages.sensors import decode

SUFFIX = {'mcap': '.mcap', 'sqlite3': '.db3'}
STRING = 'std_msgs/msg/String'


def read(path, **options):
    with open_bag(path, **options) as bag:
        return list(bag.images())


def read_up_to_damage(path):
    items = []
    with open_bag(path) as bag, pytest.raises(DataError) as caught:
        items.extend(bag.images())
    with open_bag(path) as bag:
        stream = bag.images()
        items = []
        try:
            while True:
                items.append(next(stream))
        except DataError:
            pass
    return items, str(caught.value)


@pytest.mark.parametrize('storage', SUFFIX)
def test_what_was_written_is_read_in_bag_time_order(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', storage, count=4, with_truth=True)
    with open_bag(path) as bag:
        assert bag.sensors == COMPLETE
        assert bag.image_count == 16
        items = list(bag.images())
    assert sum(isinstance(item, BagTruth) for item in items) == 4
    times_ns = [item.time_ns for item in items]
    assert times_ns == sorted(times_ns)
    assert times_ns[0] == START_NS
    numbers = dict.fromkeys(Modality, 0)
    for item in items:
        if isinstance(item, BagTruth):
            number = round((item.stamp_ns - START_NS) / PERIOD_NS)
            np.testing.assert_array_equal(item.labels, truth(number))
            continue
        raw = item.image
        assert raw.frame_id == f'{raw.modality}_camera'
        assert raw.stamp_ns == START_NS + numbers[raw.modality] * PERIOD_NS
        pixels = np.frombuffer(raw.data, picture(raw.modality, 0).dtype)
        expected = picture(raw.modality, numbers[raw.modality])
        np.testing.assert_array_equal(pixels.reshape(expected.shape), expected)
        numbers[raw.modality] += 1
    assert set(numbers.values()) == {4}


@pytest.mark.parametrize('storage', SUFFIX)
def test_a_single_file_of_a_bag_can_be_read(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', storage, count=2)
    assert len(read(only_file(path, SUFFIX[storage]))) == 6


@pytest.mark.parametrize('storage', SUFFIX)
def test_a_bag_without_metadata_is_read_with_a_note(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', storage, count=2)
    (path / 'metadata.yaml').unlink()
    with open_bag(path) as bag:
        assert len(list(bag.images())) == 6
        assert 'not closed properly' in bag.notes[0]


def test_a_ros_1_bag_is_read(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    kind = 'sensor_msgs/msg/Image'
    stamp = store.types['builtin_interfaces/msg/Time'](sec=5, nanosec=7)
    pixels = picture(Modality.RGB, 0)
    message = store.types[kind](
        header=store.types['std_msgs/msg/Header'](seq=1, stamp=stamp, frame_id='cam'),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding='rgb8',
        is_bigendian=0,
        step=pixels.shape[1] * 3,
        data=pixels.reshape(-1),
    )
    with Writer1(tmp_path / 'old.bag') as writer:
        connection = writer.add_connection('/rgb/image', kind, typestore=store)
        writer.write(connection, 6_000_000_000, store.serialize_ros1(message, kind))
    (item,) = read(tmp_path / 'old.bag')
    with open_bag(tmp_path / 'old.bag') as bag:
        assert bag.timeline().stamps_ns.tolist() == [5_000_000_007]
    assert (item.time_ns, item.image.stamp_ns) == (6_000_000_000, 5_000_000_007)
    np.testing.assert_array_equal(np.frombuffer(item.image.data, np.uint8), pixels.reshape(-1))


def test_compressed_images_are_found_and_decode(tmp_path):
    pixels = picture(Modality.THERMAL, 1)
    png = cv2.imencode('.png', pixels)[1].reshape(-1)
    fields = {'header': header(START_NS), 'format': '16UC1; png', 'data': png}
    messages = [('/thermal/image/compressed', COMPRESSED, START_NS, fields)]
    (item,) = read(write_messages(tmp_path / 'bag', messages))
    frame = decode(item.image, InputsConfig(), START_NS)
    assert isinstance(frame, Frame)
    np.testing.assert_allclose(frame.image, pixels * np.float32(0.01))


def test_depth_of_image_transport_is_found_without_its_suffix(tmp_path):
    png = np.frombuffer(cv2.imencode('.png', np.full((2, 3), 1500, np.uint16))[1], np.uint8)
    fields = {
        'header': header(0),
        'format': '16UC1; compressedDepth png',
        'data': np.concatenate([np.zeros(12, np.uint8), png]),
    }
    messages = [
        ('/cam/depth/compressed', COMPRESSED, START_NS, fields),
        ('/cam/depth/compressedDepth', COMPRESSED, START_NS, fields),
    ]
    path = write_messages(tmp_path / 'bag', messages)
    (item,) = read(path, topics={Modality.DEPTH: '/cam/depth'})
    frame = decode(item.image, InputsConfig(), item.time_ns)
    assert isinstance(frame, Frame)
    np.testing.assert_array_equal(frame.image, np.full((2, 3), 1.5, np.float32))


def test_of_a_topic_and_its_compressed_twin_the_one_with_messages_is_read(tmp_path):
    png = cv2.imencode('.png', picture(Modality.RGB, 1))[1].reshape(-1)
    fields = {'header': header(START_NS), 'format': 'rgb8; png', 'data': png}
    messages = [
        ('/rgb/image', IMAGE, START_NS, None),
        ('/rgb/image/compressed', COMPRESSED, START_NS, fields),
    ]
    with open_bag(write_messages(tmp_path / 'bag', messages)) as bag:
        assert bag.topics == {Modality.RGB: '/rgb/image/compressed'}
        assert len(list(bag.images())) == 1
        assert bag.notes == (
            '/rgb/image was recorded without a message: /rgb/image/compressed is used',
        )


def test_missing_sensors_are_allowed_unless_their_topic_was_given(tmp_path):
    path = write_bag(tmp_path / 'bag', count=1, sensors=COMPLETE - {Modality.DEPTH})
    with open_bag(path) as bag:
        assert str(bag.sensors) == 'rgb+thermal'
    with pytest.raises(DataError, match=r'/range.*thermal/image \(sensor_msgs/Image\).*--depth'):
        read(path, topics={Modality.DEPTH: '/range'})


def test_topics_can_be_remapped(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write('/cam', picture(Modality.RGB, 0), 'rgb8', START_NS, 'cam')
    (item,) = read(tmp_path / 'bag', topics={Modality.RGB: 'cam'})
    assert item.image.modality is Modality.RGB


def test_without_any_topic_the_error_lists_those_present_and_the_options(tmp_path):
    messages = [
        ('/chatter', STRING, START_NS, {'data': 'hello'}),
        ('/cam/front', COMPRESSED, START_NS, None),
    ]
    path = write_messages(tmp_path / 'bag', messages)
    with pytest.raises(DataError) as caught:
        read(path)
    for part in ('/cam/front (sensor_msgs/CompressedImage)', '/chatter (std_msgs', '--rgb-topic'):
        assert part in str(caught.value)


def test_a_topic_of_another_type_is_refused(tmp_path):
    path = write_messages(tmp_path / 'bag', [('/rgb/image', STRING, START_NS, {'data': 'x'})])
    with pytest.raises(DataError, match=r'/rgb/image .*std_msgs/msg/String.*sensor_msgs/Image'):
        read(path)


@pytest.mark.parametrize('namespace', ['front', '/front', 'front/'])
def test_topics_are_looked_for_in_a_namespace(tmp_path, namespace):
    messages = [('/front/rgb/image', STRING, START_NS, {'data': 'x'})]
    path = write_messages(tmp_path / 'bag', messages)
    refused = pytest.raises(DataError, match=r'^/front/rgb/image .*std_msgs')
    with refused, open_bag(path, namespace=namespace):
        pass
    absent = pytest.raises(DataError, match='none of the topics /rear/rgb/image, /rear/thermal')
    with absent, open_bag(path, namespace='rear'):
        pass


def test_two_sensors_on_one_topic_are_refused(tmp_path):
    bag = write_bag(tmp_path / 'bag', count=2)
    shared = pytest.raises(DataError, match='rgb and thermal have the same topic')
    with shared, open_bag(bag, {Modality.RGB: '/thermal/image'}):
        pass


def test_a_bag_without_messages_is_refused(tmp_path):
    kind = 'sensor_msgs/msg/Image'
    path = write_messages(tmp_path / 'silent', [('/rgb/image', kind, START_NS, None)])
    with pytest.raises(DataError, match='holds no image'):
        read(path)
    path = write_messages(tmp_path / 'empty', [])
    with pytest.raises(DataError, match='empty'):
        read(path)


def _empty_folder(path: Path) -> Path:
    path.mkdir()
    return path


def _text(path: Path) -> Path:
    path.write_text('not a bag')
    return path


@pytest.mark.parametrize(
    ('make', 'name', 'message'),
    [
        (lambda path: path, 'nowhere', 'there is no bag'),
        (_empty_folder, 'folder', 'is not a bag'),
        (_text, 'notes.txt', 'is not a bag'),
        (_text, 'bag.mcap', 'nothing could be read'),
        (_text, 'bag.db3', 'nothing could be read'),
        (_text, 'bag.bag', 'nothing could be read'),
    ],
)
def test_what_is_no_bag_is_named(tmp_path, make, name, message):
    path = make(tmp_path / name)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize('closed', [True, False])
def test_a_cut_mcap_gives_what_is_complete_and_then_the_error(tmp_path, closed):
    path = write_bag(tmp_path / 'bag', count=250)
    file = only_file(path, '.mcap')
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * 0.7)])
    if not closed:
        (path / 'metadata.yaml').unlink()
    items, message = read_up_to_damage(path)
    assert 0 < len(items) < 750
    assert f'read {len(items)} messages' in message
    assert f'up to {(items[-1].time_ns - items[0].time_ns) * 1e-9:.2f} s' in message
    assert 'is cut off' in message
    for item in items:
        assert isinstance(item, BagImage)
        assert isinstance(decode(item.image, InputsConfig(), item.time_ns), Frame)


def test_a_cut_within_the_first_chunk_leaves_nothing(tmp_path):
    path = write_bag(tmp_path / 'bag', count=20)
    file = only_file(path, '.mcap')
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match=r'cut off.*nothing could be read'):
        read(path)


def test_a_damaged_chunk_stops_reading_there(tmp_path):
    path = write_bag(tmp_path / 'bag', count=300)
    file = only_file(path, '.mcap')
    data = bytearray(file.read_bytes())
    second = data.index(b'\x06', len(data) // 2)
    data[second : second + 200_000] = b'\xff' * 200_000
    file.write_bytes(data)
    items, message = read_up_to_damage(path)
    assert len(items) < 900
    assert f'read {len(items)} messages' in message


def test_a_cut_database_is_reported(tmp_path):
    path = write_bag(tmp_path / 'bag', 'sqlite3', count=50)
    file = only_file(path, '.db3')
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match='nothing could be read'):
        read(path)


def test_a_missing_file_of_a_bag_is_reported(tmp_path):
    path = write_bag(tmp_path / 'bag', count=1)
    only_file(path, '.mcap').unlink()
    with pytest.raises(DataError, match='missing'):
        read(path)


@pytest.mark.parametrize('part', [1, 2])
def test_of_a_bag_with_a_missing_file_the_rest_is_read_and_the_file_is_named(tmp_path, part):
    path = write_split_bag(tmp_path / 'bag', parts=3, count=2)
    with open_bag(path) as bag:
        assert (len(list(bag.images())), bag.notes, bag.lacks_files) == (18, (), False)
        assert bag.timeline().lost == 0
    (path / f'part_{part}.mcap').unlink()
    with open_bag(path) as bag:
        assert len(list(bag.images())) == 12
        assert bag.lacks_files
        (note,) = bag.notes
        assert f'part_{part}.mcap of 3 files of {path} is missing' in note


def test_a_file_that_the_metadata_does_not_name_is_left_out_and_said(tmp_path):
    path = write_bag(tmp_path / 'bag', count=1)
    only_file(write_bag(tmp_path / 'other', count=1), '.mcap').rename(path / 'more.mcap')
    with open_bag(path) as bag:
        assert len(list(bag.images())) == 3
        assert bag.notes == (
            'more.mcap is not in metadata.yaml and left out: give the file itself to read it',
        )


def test_messages_that_the_metadata_counts_and_no_file_holds_are_lost(tmp_path):
    path = write_bag(tmp_path / 'bag', count=2)
    metadata = path / 'metadata.yaml'
    text = metadata.read_text()
    assert 'message_count: 2' in text
    metadata.write_text(text.replace('message_count: 2', 'message_count: 5'))
    with open_bag(path) as bag:
        assert bag.timeline().lost == 9


@pytest.mark.parametrize('storage', SUFFIX)
def test_the_timeline_is_that_of_the_images(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', storage, count=3, with_truth=True)
    with open_bag(path) as bag:
        timeline, items = bag.timeline(), list(bag.images())
    stamps_ns = [
        item.image.stamp_ns if isinstance(item, BagImage) else item.stamp_ns for item in items
    ]
    assert timeline.times_ns.tolist() == [item.time_ns for item in items]
    assert timeline.stamps_ns.tolist() == stamps_ns
    sensors = [item.image.modality if isinstance(item, BagImage) else None for item in items]
    assert list(timeline.sensors) == sensors
    with open_bag(path) as bag:
        some = list(bag.images(2, 5))
    assert [item.time_ns for item in some] == timeline.times_ns[2:5].tolist()


def test_an_unreadable_truth_is_an_error_and_padded_rows_are_cropped(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write('/rgb/image', picture(Modality.RGB, 0), 'rgb8', START_NS, 'cam')
        bag.write('/truth/image', picture(Modality.RGB, 0), 'rgb8', START_NS, 'cam')
    with pytest.raises(DataError, match='expected mono8'):
        read(tmp_path / 'bag')


def test_an_existing_bag_is_not_overwritten(tmp_path):
    path = write_bag(tmp_path / 'bag', count=1)
    with pytest.raises(DataError, match='exists already'):
        BagWriter(path)
    assert len(read(path)) == 3


def test_an_interrupted_writer_leaves_nothing_behind(tmp_path):
    with pytest.raises(KeyboardInterrupt), BagWriter(tmp_path / 'bag') as bag:
        bag.write('/rgb/image', picture(Modality.RGB, 0), 'rgb8', START_NS, 'cam')
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_numbers_sort_by_value():
    assert sorted(['a²', 'a1'], key=natural_key) == ['a1', 'a²']
    assert sorted(['img10', 'img9', '2', 'a', '10'], key=natural_key) == [
        '2', '10', 'a', 'img9', 'img10',
    ]  # fmt: skip


def test_many_topics_are_counted_and_not_listed(tmp_path):
    """20,000 topics, of which no name is one of a camera."""
    bag = write_bag(tmp_path / 'bag', 'sqlite3', count=1)
    file = only_file(bag, '.db3')
    with sqlite3.connect(file) as database:
        row = database.execute('SELECT * FROM topics').fetchone()
        rows = ((n, f'/t{n}/{"x" * 200}', *row[2:]) for n in range(1000, 21_000))
        database.execute('DELETE FROM topics')
        database.executemany(f'INSERT INTO topics VALUES ({", ".join("?" * len(row))})', rows)
    database.close()
    with pytest.raises(DataError, match='and 19984 more') as caught, open_bag(file):
        pass
    assert len(str(caught.value)) < 2500


def test_a_chunk_that_unpacks_to_gigabytes_is_refused(tmp_path):
    bag = write_bag(tmp_path / 'bag', count=1)
    file = only_file(bag, '.mcap')
    chunk = struct.pack('<QQQ', 0, 1, 1 << 32) + bytes(16)
    magic, rest = file.read_bytes()[:8], file.read_bytes()[8:]
    file.write_bytes(magic + struct.pack('<BQ', 6, len(chunk)) + chunk + rest)
    for path in (bag, file):
        with pytest.raises(DataError, match='a chunk of 4294967296 bytes'), open_bag(path):
            pass


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, storage, monkeypatch):
    error = OSError(28, 'No space left on device')
    error = error if storage == 'mcap' else sqlite3.OperationalError('database or disk is full')

    def full(*_):
        raise error

    monkeypatch.setattr(Writer, 'write', full)
    with pytest.raises(DataError, match=r'bag cannot be written: .*(No space|full).*; free some'):
        write_bag(tmp_path / 'bag', storage, count=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('a: &a [*a]\n' + 'b: [' * 3000, 'cannot be read as what a recorder wrote'),
        ('x' * (2 << 20), 'bytes, more than'),
        ('rosbag2_bagfile_information: {}', 'does not say which files belong to the bag'),
    ],
)
def test_metadata_that_cannot_be_read_is_left_out_and_said(tmp_path, text, reason):
    bag = write_bag(tmp_path / 'bag', count=2)
    (bag / 'metadata.yaml').write_text(text)
    with open_bag(bag) as found:
        assert len(list(found.images())) == 6
        (note,) = found.notes
    assert reason in note and note.endswith('the files beside it are read without it')
