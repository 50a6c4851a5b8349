# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Write image topics into a rosbag2 folder, without ROS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
from pathlib import Path
import sqlite3
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import get_typestore, Stores

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.errors import DataError
from mm_robust_seg.files import is_free, renewing
from mm_robust_seg.recordings.storage import METADATA
from mm_robust_seg.recordings.topics import COMPRESSED, IMAGE

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
_PREFIX = 'compressed '
_BAG_VERSION: Literal[8] = 8
"""Metadata that ROS 2 Humble still reads; 9 changed how QoS profiles are written."""


class BagWriter:
    """Writes a bag that is at ``path`` when the ``with`` block succeeds, and not before.

    Args:
        path: folder of the new bag.
        storage: ``mcap`` or ``sqlite3``.

    Raises:
        ConfigError: if another run writes into ``path``.
        DataError: if something is there, or the bag cannot be written.
    """

    def __init__(self, path: Path, storage: str = 'mcap') -> None:
        if not is_free(path):
            raise DataError(f'{path} exists already: remove it, or give another folder')
        self._path, self._storage = path, STORAGES[storage]
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> BagWriter:
        with self._told(), ExitStack() as stack:
            building = stack.enter_context(renewing(self._path, METADATA))
            building.rmdir()  # the library makes it itself
            self._writer = Writer(building, version=_BAG_VERSION, storage_plugin=self._storage)
            self._writer.open()
            stack.push(self._writer.__exit__)
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._told():
            self._closing.__exit__(kind, error, traceback)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one sentence that the bag cannot be written."""
        try:
            yield
        except (OSError, sqlite3.Error, WriterError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise DataError(
                f'{self._path} cannot be written: {reason}; free some space, or give another '
                'folder'
            ) from error

    def write(
        self,
        topic: str,
        image: NDArray[Any],
        encoding: str,
        stamp_ns: int,
        frame_id: str,
        time_ns: int | None = None,
    ) -> None:
        """Append one (H, W) or (H, W, C) image as sensor_msgs/Image.

        Args:
            topic: absolute topic name.
            image: pixels in the layout of ``encoding``.
            encoding: a sensor_msgs encoding.
            stamp_ns: header stamp.
            frame_id: header frame.
            time_ns: bag time; the stamp if not given.
        """
        pixels = np.ascontiguousarray(image).reshape(-1).view(np.uint8)
        height_px, width_px = image.shape[:2]
        fields = {
            'header': self._header(stamp_ns, frame_id),
            'height': height_px,
            'width': width_px,
            'encoding': encoding,
            'is_bigendian': 0,
            'step': pixels.size // height_px,
            'data': pixels,
        }
        self._write(topic, IMAGE, fields, stamp_ns if time_ns is None else time_ns)

    def write_message(self, topic: str, image: RawImage, time_ns: int) -> None:
        """Append an image message as it is, whole or not, raw or compressed.

        Args:
            topic: absolute topic name.
            image: the message.
            time_ns: bag time.
        """
        header = self._header(image.stamp_ns, image.frame_id)
        data = np.frombuffer(image.data, np.uint8)
        if image.encoding.startswith(_PREFIX):
            text = image.encoding.removeprefix(_PREFIX)
            self._write(
                topic, COMPRESSED, {'header': header, 'format': text, 'data': data}, time_ns
            )
            return
        fields = {
            'header': header,
            'height': image.height_px,
            'width': image.width_px,
            'encoding': image.encoding,
            'is_bigendian': int(image.is_bigendian),
            'step': image.step_bytes,
            'data': data,
        }
        self._write(topic, IMAGE, fields, time_ns)

    def copy(self, connection: Connection, time_ns: int, data: bytes) -> None:
        """Append a message of another rosbag2, whatever its type, to the topic of its name.

        Raises:
            DataError: if that bag does not define the type, and it is none of ROS 2 Jazzy.
        """
        topic, definition = connection.topic, connection.msgdef
        if topic not in self._connections:
            known = connection.msgtype in self._store.types
            if definition.format is not MessageDefinitionFormat.MSG and not known:
                raise DataError(
                    f'{topic} is of type {connection.msgtype}, which the bag does not define: '
                    'expected a type of ROS 2 Jazzy, or a bag in MCAP format'
                )
            recorded = connection.ext
            self._connections[topic] = self._writer.add_connection(
                topic,
                connection.msgtype,
                typestore=self._store,
                msgdef=None if known else definition.data,
                rihs01=None if known else connection.digest,
                offered_qos_profiles=(
                    recorded.offered_qos_profiles
                    if isinstance(recorded, ConnectionExtRosbag2)
                    else ()
                ),
            )
        self._append(topic, time_ns, data)

    def _header(self, stamp_ns: int, frame_id: str) -> Any:
        types: Any = self._store.types
        stamp = types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 1_000_000_000))
        return types['std_msgs/msg/Header'](stamp=stamp, frame_id=frame_id)

    def _write(self, topic: str, kind: str, fields: dict[str, Any], time_ns: int) -> None:
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=self._store
            )
        held = self._connections[topic].msgtype
        if held != kind:
            raise DataError(
                f'{topic} holds {held} and cannot take {kind}: expected images of one kind; '
                'a fault that changes pixels needs a bag of raw images'
            )
        types: Any = self._store.types
        data = self._store.serialize_cdr(types[kind](**fields), kind)
        self._append(topic, time_ns, data)

    def _append(self, topic: str, time_ns: int, data: bytes | memoryview) -> None:
        with self._told():
            self._writer.write(self._connections[topic], time_ns, data)
