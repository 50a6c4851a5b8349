# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Copy a bag and let its cameras fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
import heapq
from pathlib import Path

from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.recordings.bag import BagImage, ImageBag
from mm_robust_seg.recordings.faults import BagItem, FaultyBag
from mm_robust_seg.recordings.storage import Storage
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.simulation.scenario import Scenario

_Item = tuple[int, str, Callable[[], None]]
"""Bag time, topic, and what writes the message."""


@dataclass(frozen=True)
class Copied:
    """What a copy holds.

    Attributes:
        counts: its messages by topic.
        notes: what a person should know about it, such as faults that the bag is too short for.
    """

    counts: Mapping[str, int]
    notes: Sequence[str]


def break_bag(
    bag: ImageBag, storage: Storage, scenario: Scenario, out: Path, kind: str = 'mcap'
) -> Copied:
    """Write the bag with the faults of a scenario.

    Args:
        bag: the image topics.
        storage: the same bag, opened again, for the other topics.
        scenario: begins with the first image.
        out: folder of the copy.
        kind: its file format, one of ``STORAGES``.

    Raises:
        ConfigError: if the scenario makes the clock jump.
        DataError: if ``out`` exists, the bag is damaged, one of ROS 1, or has images that a fault
            cannot be applied to.
    """
    if scenario.moves_clock:
        raise ConfigError(
            'the scenario makes the clock jump, which a bag cannot hold: leave out the faults of '
            'the rig, or use replay --scenario'
        )
    if storage.is_ros1:
        raise DataError('the bag is one of ROS 1: expected a rosbag2; convert it first')
    counts: Counter[str] = Counter()
    first, recorded = bag.first_and_rest(bag.images())
    faulty = FaultyBag(scenario, bag.sensors, first.time_ns)
    with BagWriter(out, kind) as writer:
        images = _images(bag, faulty.play(recorded), writer)
        streams = images, _others(bag, storage, writer)
        for _, topic, write in heapq.merge(*streams, key=lambda item: item[0]):
            write()
            counts[topic] += 1
    return Copied(dict(counts), [*bag.notes, *faulty.notes()])


def _images(bag: ImageBag, items: Iterable[BagItem], writer: BagWriter) -> Iterator[_Item]:
    for item in items:
        if isinstance(item, BagImage):
            topic = bag.topics[item.image.modality]
            write = partial(writer.write_message, topic, item.image, item.time_ns)
            yield item.time_ns, topic, write


def _others(bag: ImageBag, storage: Storage, writer: BagWriter) -> Iterator[_Item]:
    images = set(bag.topics.values())
    others = [c for c in storage.connections if c.topic not in images]
    for connection, time_ns, data in storage.messages(others):
        yield time_ns, connection.topic, partial(writer.copy, connection, time_ns, data)
