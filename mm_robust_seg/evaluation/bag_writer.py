"""Write image topics into a rosbag2 folder, without ROS."""

from __future__ import annotations

from pathlib import Path
import secrets
import shutil
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores

from mm_robust_seg.errors import DataError
from mm_robust_seg.evaluation.bag import IMAGE

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
_BAG_VERSION: Literal[8] = 8
"""Metadata that ROS 2 Humble still reads; 9 changed how QoS profiles are written."""


class BagWriter:
    """Writes beside ``path`` and renames when the ``with`` block succeeds.

    Args:
        path: folder of the new bag.
        storage: ``mcap`` or ``sqlite3``.

    Raises:
        DataError: if ``path`` exists.
    """

    def __init__(self, path: Path, storage: str = 'mcap') -> None:
        if path.exists():
            raise DataError(f'{path} exists already: remove it, or give another folder')
        self._path = path
        self._workshop = path.with_name(f'.{path.name}.{secrets.token_hex(4)}')
        self._writer = Writer(
            self._workshop / path.name, version=_BAG_VERSION, storage_plugin=STORAGES[storage]
        )
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._writer.__exit__(kind, error, traceback)
            if kind is None:
                self._writer.path.rename(self._path)
        finally:
            shutil.rmtree(self._workshop, ignore_errors=True)

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
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, IMAGE, typestore=self._store
            )
        types: Any = self._store.types
        stamp = types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 1_000_000_000))
        pixels = np.ascontiguousarray(image).reshape(-1).view(np.uint8)
        height_px, width_px = image.shape[:2]
        message = types[IMAGE](
            header=types['std_msgs/msg/Header'](stamp=stamp, frame_id=frame_id),
            height=height_px,
            width=width_px,
            encoding=encoding,
            is_bigendian=0,
            step=pixels.size // height_px,
            data=pixels,
        )
        data = self._store.serialize_cdr(message, IMAGE)
        recorded_ns = stamp_ns if time_ns is None else time_ns
        self._writer.write(self._connections[topic], recorded_ns, data)
