# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Small bags, made in code."""

from __future__ import annotations

from pathlib import Path
import shutil

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores
import yaml

from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.recordings.writer import BagWriter

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 33_333_333
ENCODINGS = {Modality.RGB: 'rgb8', Modality.THERMAL: 'mono16', Modality.DEPTH: '16UC1'}
HEIGHT_PX, WIDTH_PX = 36, 48


def picture(modality: Modality, number: int) -> np.ndarray:
    """A textured image that no health check minds; another one for every number."""
    rng = np.random.default_rng([number, list(Modality).index(modality)])
    if modality is Modality.RGB:
        return rng.integers(40, 200, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    low, high = (29000, 30000) if modality is Modality.THERMAL else (800, 9000)
    return rng.integers(low, high, (HEIGHT_PX, WIDTH_PX)).astype(np.uint16)


def truth(number: int) -> np.ndarray:
    return (
        np.random.default_rng([number, 9]).integers(0, 5, (HEIGHT_PX, WIDTH_PX)).astype(np.uint8)
    )


def write_bag(
    path: Path,
    storage='mcap',
    count=20,
    sensors=COMPLETE,
    with_truth=False,
    skip=lambda m, n: False,
    recorded_ns=lambda time_ns: time_ns,
    numbers=None,
) -> Path:
    """Write images of 30 Hz that are recorded 1 to 3 ms after their stamp.

    Args:
        recorded_ns: turns that time into the bag's time.
        numbers: of the images; from 0 if not given.
    """
    with BagWriter(path, storage) as bag:
        for number in numbers or range(count):
            stamp_ns = START_NS + number * PERIOD_NS
            for offset, m in enumerate(sensors):
                if not skip(m, number):
                    bag.write(
                        f'/{m}/image',
                        picture(m, number),
                        ENCODINGS[m],
                        stamp_ns,
                        f'{m}_camera',
                        time_ns=recorded_ns(stamp_ns + 1_000_000 * (offset + 1)),
                    )
            if with_truth:
                time_ns = recorded_ns(stamp_ns)
                bag.write('/truth/image', truth(number), 'mono8', stamp_ns, 'truth', time_ns)
    return path


def write_split_bag(path: Path, parts: int = 3, count: int = 10) -> Path:
    """Write a bag of several files, ``part_0.mcap`` and so on, each with ``count`` moments."""
    path.mkdir()
    for part in range(parts):
        numbers = range(part * count, (part + 1) * count)
        made = write_bag(path / f'made_{part}', numbers=numbers)
        only_file(made, '.mcap').rename(path / f'part_{part}.mcap')
        metadata = yaml.safe_load((made / 'metadata.yaml').read_text())
        shutil.rmtree(made)
    information = metadata['rosbag2_bagfile_information']
    information['relative_file_paths'] = [f'part_{part}.mcap' for part in range(parts)]
    information['message_count'] *= parts
    for topic in information['topics_with_message_count']:
        topic['message_count'] *= parts
    (path / 'metadata.yaml').write_text(yaml.safe_dump(metadata))
    return path


def write_messages(path: Path, messages, storage=StoragePlugin.MCAP) -> Path:
    """Write (topic, type, time_ns, fields) of any message type."""
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(path, version=8, storage_plugin=storage) as writer:
        connections = {}
        for topic, kind, time_ns, fields in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            if fields is not None:
                data = store.serialize_cdr(store.types[kind](**fields), kind)
                writer.write(connections[topic], time_ns, data)
    return path


def header(stamp_ns: int, frame_id: str = 'camera'):
    types = get_typestore(Stores.ROS2_JAZZY).types
    stamp = types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 1_000_000_000))
    return types['std_msgs/msg/Header'](stamp=stamp, frame_id=frame_id)


def only_file(path: Path, suffix: str) -> Path:
    (file,) = path.glob(f'*{suffix}')
    return file
