# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Read the images of a recorded bag in bag-time order, without ROS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Connection
from rosbags.typesys import get_typestore, Stores

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.recordings.guess import Guess, guess
from mm_robust_seg.recordings.storage import open_storage, Storage
from mm_robust_seg.recordings.timeline import header_stamp_ns, Timeline
from mm_robust_seg.recordings.topics import (
    choose,
    COMPRESSED,
    IMAGE,
    Recorded,
    TRUTH_TOPIC,
    unnamed,
)
from mm_robust_seg.schema import shown


@dataclass(frozen=True)
class BagImage:
    """A sensor's image and the time at which it was recorded."""

    time_ns: int
    image: RawImage


@dataclass(frozen=True)
class BagTruth:
    """The true labels, (H, W) uint8, of the image with the same stamp."""

    time_ns: int
    stamp_ns: int
    labels: NDArray[np.uint8]


class ImageBag:
    """The image topics of one open bag.

    Attributes:
        path: where it is, as it was given.
        topics: the topic of every sensor that the bag holds.
        image_count: recorded messages on these topics.
        lacks_files: whether files are missing that the recorder wrote.
        notes: what a person should know about the bag.
    """

    def __init__(
        self,
        path: Path,
        storage: Storage,
        topics: Mapping[Modality, str],
        namespace: str,
        config: Config | None = None,
    ) -> None:
        self.path, self._storage = path, storage
        self._store = get_typestore(Stores.ROS1_NOETIC if storage.is_ros1 else Stores.ROS2_JAZZY)
        recorded = _recorded(storage)
        if not recorded:
            raise DataError(
                f'{storage.damage}; nothing could be read'
                if storage.damage
                else f'{path} is empty: expected recorded image topics'
            )
        guessed = Guess()
        if config:
            sensors, free = unnamed(recorded, topics, namespace)
            missing = ModalitySet(sensors) & config.inputs.enabled
            guessed = guess(self._first_images(free) if missing else {}, missing, config)
        choice = choose(path, recorded, {**guessed.topics, **topics}, namespace)
        self.topics = choice.topics
        wanted = {(topic, recorded[topic].type) for topic in self.topics.values()}
        wanted.add((TRUTH_TOPIC, IMAGE))
        self._connections = [c for c in storage.connections if (c.topic, c.msgtype) in wanted]
        self.image_count = sum(connection.msgcount for connection in self._connections)
        self.lacks_files = storage.lacks_files
        if not any(c.msgcount for c in self._connections if c.topic != TRUTH_TOPIC):
            raise DataError(
                f'{path} holds no image: {", ".join(sorted(self.topics.values()))} '
                'were recorded without a message; did the recorder subscribe with a matching QoS?'
            )
        self.notes = (*storage.notes, *choice.notes, *guessed.notes)

    def first_and_rest(
        self, items: Iterator[BagImage | BagTruth]
    ) -> tuple[BagImage | BagTruth, Iterator[BagImage | BagTruth]]:
        """Return the first of ``items`` of this bag, and all of them.

        Raises:
            DataError: if there is none, or the bag is damaged before it.
        """
        first = next(items, None)
        if first is None:
            raise DataError(
                f'no message of {", ".join(sorted(self.topics.values()))} in {self.path} can be '
                'read: record or copy the bag again'
            )
        return first, chain([first], items)

    @property
    def sensors(self) -> ModalitySet:
        """The sensors that the bag holds."""
        return ModalitySet(self.topics)

    def timeline(self) -> Timeline:
        """Return when all messages were recorded and stamped, as far as they can be read."""
        modality_of = self._modality_of
        rows: list[tuple[Modality | None, int, int]] = []
        lost = 0
        with suppress(Exception):  # ``images`` says what is damaged
            for connection, time_ns, data in self._storage.messages(self._connections):
                stamp = header_stamp_ns(data, self._storage.is_ros1)
                rows.append((modality_of.get(connection.topic), time_ns, stamp))
            lost = 0 if self._storage.damage else max(self.image_count - len(rows), 0)
        sensors, times_ns, stamps_ns = zip(*rows, strict=True) if rows else ((), (), ())
        return Timeline(
            tuple(sensors), np.array(times_ns, np.int64), np.array(stamps_ns, np.int64), lost
        )

    def images(self, first: int = 0, last: int | None = None) -> Iterator[BagImage | BagTruth]:
        """Yield everything in bag-time order.

        Args:
            first, last: places in the timeline: of the first message, and after the last one.

        Raises:
            DataError: where the bag is damaged, after all that could be read; it says how far
                that was.
        """
        stream = islice(self._storage.messages(self._connections), first, last)
        count, start_ns, time_ns = 0, None, 0
        damage: Exception | None = None
        while True:
            try:
                connection, time_ns, data = next(stream)
                modality = self._modality_of.get(connection.topic)
                item = self._item(connection, time_ns, data, modality)
            except StopIteration:
                break
            except DataError:
                raise
            except Exception as error:  # a damaged file can raise anything in the library
                damage = error
                break
            start_ns = time_ns if start_ns is None else start_ns
            count += 1
            yield item
        if damage or (self._storage.damage and last is None):
            reach_s = (time_ns - (time_ns if start_ns is None else start_ns)) * 1e-9
            raise DataError(
                f'{self._storage.damage or f"{self.path} is damaged: {damage}"}; read {count} '
                f'messages, up to {reach_s:.2f} s after the first: record or copy the bag again '
                'to get the rest'
            ) from damage

    @property
    def _modality_of(self) -> dict[str, Modality]:
        return {topic: modality for modality, topic in self.topics.items()}

    def _first_images(self, topics: Iterable[str]) -> dict[str, RawImage]:
        """Return the first image of each topic that can be read, whatever its sensor is."""
        images = {}
        for topic in topics:
            connections = [c for c in self._storage.connections if c.topic == topic]
            with suppress(Exception):  # ``images`` says what is damaged
                connection, _, data = next(self._storage.messages(connections))
                images[topic] = _raw_image(self._read(connection, data), Modality.RGB)
        return images

    def _read(self, connection: Connection, data: bytes) -> Any:
        if self._storage.is_ros1:
            return self._store.deserialize_ros1(data, connection.msgtype)
        return self._store.deserialize_cdr(data, connection.msgtype)

    def _item(
        self, connection: Connection, time_ns: int, data: bytes, modality: Modality | None
    ) -> BagImage | BagTruth:
        message = self._read(connection, data)
        if modality is None:
            return BagTruth(time_ns, _stamp_ns(message), _labels(message, self.path))
        return BagImage(time_ns, _raw_image(message, modality))


@contextmanager
def open_bag(
    path: Path,
    topics: Mapping[Modality, str] | None = None,
    namespace: str = '',
    config: Config | None = None,
) -> Iterator[ImageBag]:
    """Open a rosbag2 folder, a single ``.mcap`` or ``.db3`` file, or a ROS 1 ``.bag``.

    Args:
        path: the bag.
        topics: topics that must be there, by sensor; ``/compressed`` may follow in the bag.
        namespace: of the others, which have the names in ``TOPICS``; of these one is enough.
        config: if given, topics of other names are guessed for the sensors that it enables; it
            says what values they may have.

    Raises:
        DataError: if ``path`` is no bag, a topic is missing or not of an image type, or there is
            no image. Problems further on are raised by ``ImageBag.images``.
    """
    storage = open_storage(path)
    try:
        yield ImageBag(path, storage, topics or {}, namespace, config)
    finally:
        storage.close()


def _recorded(storage: Storage) -> dict[str, Recorded]:
    counts: Counter[str] = Counter()
    types: dict[str, str] = {}
    for connection in storage.connections:
        counts[connection.topic] += connection.msgcount
        types[connection.topic] = connection.msgtype
    return {topic: Recorded(kind, counts[topic]) for topic, kind in types.items()}


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _raw_image(message: Any, modality: Modality) -> RawImage:
    stamp_ns, frame_id = _stamp_ns(message), message.header.frame_id
    if message.__msgtype__ == COMPRESSED:
        encoding = f'compressed {message.format}'
        return RawImage(modality, stamp_ns, 0, 0, encoding, 0, message.data, frame_id=frame_id)
    return RawImage(
        modality,
        stamp_ns,
        message.height,
        message.width,
        message.encoding,
        message.step,
        message.data,
        bool(message.is_bigendian),
        frame_id,
    )


def _labels(message: Any, path: Path) -> NDArray[np.uint8]:
    rows, columns, step = message.height, message.width, message.step
    if message.encoding not in ('mono8', '8UC1') or message.data.size != rows * step:
        raise DataError(
            f'{TRUTH_TOPIC} in {path} is {shown(message.encoding)} with {message.data.size} '
            f'bytes: expected mono8 class ids of {columns} x {rows} px'
        )
    labels: NDArray[np.uint8] = message.data.reshape(rows, step)[:, :columns]
    return labels
