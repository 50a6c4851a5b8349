# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Judge the records of an MCAP file, and make one readable whose end was never written.

Records are length-prefixed, so everything before the cut can be read by scanning once a footer
says that there is no index (https://mcap.dev/spec).
"""

from __future__ import annotations

from collections.abc import Iterator
import io
from pathlib import Path
import struct
from typing import Any, BinaryIO

from mm_robust_seg.errors import DataError

_MAGIC = b'\x89MCAP0\r\n'
_RECORD, _CHUNK, _CHUNK_START = struct.Struct('<BQ'), 6, struct.Struct('<QQQ')
_MOST_CHUNK_BYTES = 1 << 27
_END = b'\x02' + struct.pack('<QQQI', 20, 0, 0, 0) + _MAGIC


class CutMcap:
    """The complete records of a cut MCAP file, followed by a footer.

    Takes the place of a path in ``rosbags``, which accepts anything that opens like one.

    Attributes:
        lost_bytes: length of the incomplete record at the end.
    """

    suffix = '.mcap'

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = _last_record_end(path)
        self.lost_bytes = path.stat().st_size - self._end

    def exists(self) -> bool:
        """Tell that the file is there."""
        return True

    def is_dir(self) -> bool:
        """Tell that it is a file."""
        return False

    def open(self, mode: str) -> io.BufferedReader:
        """Open for reading; ``mode`` is always ``rb``."""
        return io.BufferedReader(_Spliced(self._path, self._end))

    def __str__(self) -> str:
        return str(self._path)


class _Spliced(io.RawIOBase):
    """The first ``end`` bytes of a file, then an MCAP footer."""

    def __init__(self, path: Path, end: int) -> None:
        self._file = path.open('rb', buffering=0)
        self._end, self._size, self._at = end, end + len(_END), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        )
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at < self._end:
            self._file.seek(self._at)
            data = self._file.read(min(len(buffer), self._end - self._at))
        else:
            start = self._at - self._end
            data = _END[start : start + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def check_chunks(path: Path) -> None:
    """Refuse a chunk that unpacks to more than any recorder puts into one.

    Raises:
        DataError: saying how much it is.
    """
    with path.open('rb') as stream:
        for at, kind, _ in _records(stream):
            if kind != _CHUNK:
                continue
            stream.seek(at + _RECORD.size)
            head = stream.read(_CHUNK_START.size)
            size = _CHUNK_START.unpack(head)[2] if len(head) == _CHUNK_START.size else 0
            if size > _MOST_CHUNK_BYTES:
                raise DataError(
                    f'{path} has a chunk of {size} bytes: expected at most {_MOST_CHUNK_BYTES}; '
                    'record it with smaller chunks'
                )


def _last_record_end(path: Path) -> int:
    """Return where the last complete record of an MCAP file ends; 0 if it has none."""
    size, end = path.stat().st_size, 0
    with path.open('rb') as stream:
        for _, _, after in _records(stream):
            if after > size:
                break
            end = after
    return end


def _records(stream: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yield where each record begins, its kind, and where it ends."""
    if stream.read(len(_MAGIC)) != _MAGIC:
        return
    at = len(_MAGIC)
    while len(head := stream.read(_RECORD.size)) == _RECORD.size:
        kind, length = _RECORD.unpack(head)
        yield at, kind, at + _RECORD.size + length
        at += _RECORD.size + length
        if at >= 1 << 62:
            return
        stream.seek(at)
