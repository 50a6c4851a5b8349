# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Open the files of a recorded bag, whole or damaged, with the ``rosbags`` library.

A recorder that was killed leaves an MCAP file without its index and often no ``metadata.yaml``.
What is complete is read, and the rest is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
import heapq
from pathlib import Path, PurePath
import re
from typing import Any, cast, TypeAlias

from rosbags.interfaces import Connection
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2

from mm_robust_seg import foreign_text
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.recordings.cut_mcap import check_chunks, CutMcap
from mm_robust_seg.schema import read_yaml

METADATA = 'metadata.yaml'
_INFORMATION = 'rosbag2_bagfile_information'
_STORAGES = ('.mcap', '.db3')
_ROS1_START = b'#ROSBAG V2.0\n'

Reader: TypeAlias = Reader1 | Reader2
Message: TypeAlias = tuple[Connection, int, bytes]


@dataclass
class Storage:
    """The open files of one bag.

    Attributes:
        damage: what is missing at the end, in words; empty if nothing is.
        lacks_files: whether files are missing that the recorder wrote.
        notes: what else a person should know.
    """

    readers: list[Reader] = field(default_factory=list)
    damage: str = ''
    lacks_files: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def is_ros1(self) -> bool:
        """Whether messages are serialised the ROS 1 way."""
        return any(isinstance(reader, Reader1) for reader in self.readers)

    @property
    def connections(self) -> list[Connection]:
        """Every recorded topic, once per file that holds it."""
        return [connection for reader in self.readers for connection in reader.connections]

    def messages(self, connections: Iterable[Connection]) -> Iterator[Message]:
        """Yield (connection, bag time in ns, serialised message) in bag-time order."""
        wanted = list(connections)
        streams = []
        for reader in self.readers:
            own = [connection for connection in wanted if connection in reader.connections]
            if own:
                streams.append(reader.messages(connections=own))
        return heapq.merge(*streams, key=lambda message: message[1])

    def close(self) -> None:
        """Close all files."""
        while self.readers:
            self.readers.pop().close()


def open_storage(path: Path) -> Storage:
    """Open a rosbag2 folder, one ``.mcap`` or ``.db3`` file of it, or a ROS 1 ``.bag``.

    Raises:
        DataError: if ``path`` is no bag, or nothing of it can be read.
    """
    if not path.exists():
        raise DataError(f'there is no bag {path}: expected a rosbag2 folder or a bag file')
    storage = Storage()
    try:
        if path.is_dir():
            _open_folder(path, storage)
        else:
            _open_file(path, storage)
    except BaseException:
        storage.close()
        raise
    return storage


def natural_key(text: str) -> list[tuple[int, str]]:
    """Sort key that puts ``9`` before ``10``."""
    return [
        (int(part), '') if part.isdecimal() else (-1, part) for part in re.split(r'(\d+)', text)
    ]


def _open_folder(path: Path, storage: Storage) -> None:
    files = [p for p in path.iterdir() if p.suffix in _STORAGES]
    files.sort(key=lambda p: natural_key(p.name))
    for file in files:
        _require_plain(file)
    listed = _listed_files(path / METADATA, storage) if (path / METADATA).is_file() else None
    if listed is not None:
        if files and (missing := [name for name in listed if not (path / name).exists()]):
            storage.lacks_files = True
            storage.notes.append(
                f'{foreign_text.listed(missing)} of {len(listed)} files of {path} {_is(missing)} '
                'missing: what was recorded there is left out'
            )
            files = [file for file in files if file.name in listed] or files
        elif _open_listed(path, storage, files):
            _note_unlisted(storage, files, listed)
            return
    elif not files:
        raise DataError(
            f'{path} is not a bag: expected a rosbag2 folder with {METADATA}, or with '
            '*.mcap or *.db3 files'
        )
    elif not storage.notes:
        storage.notes.append(f'{path} has no {METADATA}: the recording was not closed properly')
    for file in files:
        try:
            _open_file(file, storage)
        except DataError as error:
            storage.damage = str(error)
    if not storage.readers:
        raise DataError(storage.damage)


def _open_listed(path: Path, storage: Storage, files: Sequence[Path]) -> bool:
    """Open a folder as its metadata says; tell whether that went well."""
    for file in files:
        if file.suffix == '.mcap':
            check_chunks(file)
    try:
        storage.readers.append(_opened(Reader2(path)))
    except Exception as error:  # what a damaged file raises is not documented
        if not files:
            raise DataError(f'{path} cannot be read: {_words(error)}') from error
        return False
    return True


def _note_unlisted(storage: Storage, files: Sequence[Path], listed: Sequence[str]) -> None:
    unlisted = [file.name for file in files if listed and file.name not in listed]
    if unlisted:
        storage.notes.append(
            f'{foreign_text.listed(unlisted)} {_is(unlisted)} not in {METADATA} and left out: '
            'give the file itself to read it'
        )


def _listed_files(metadata: Path, storage: Storage) -> list[str] | None:
    """Return the names of the files that belong to a bag; None where that cannot be read."""
    try:
        paths = read_yaml(metadata, 'what a recorder wrote')[_INFORMATION]['relative_file_paths']
        return [PurePath(path).name for path in paths]
    except ConfigError as error:
        reason = str(error)
    except (KeyError, TypeError):
        reason = f'{metadata} does not say which files belong to the bag'
    storage.notes.append(f'{reason}: the files beside it are read without it')
    return None


def _is(names: Sequence[str]) -> str:
    return 'is' if len(names) == 1 else 'are'


def _open_file(path: Path, storage: Storage) -> None:
    if path.suffix not in (*_STORAGES, '.bag'):
        raise DataError(
            f'{path} is not a bag: expected a rosbag2 folder, or a file ending in .mcap, .db3 '
            'or .bag'
        )
    _require_plain(path)
    if path.suffix == '.mcap':
        check_chunks(path)
    elif path.suffix == '.bag':
        _check_start(path)
    try:
        storage.readers.append(_opened(Reader1(path) if path.suffix == '.bag' else Reader2(path)))
    except Exception as error:  # what a damaged file raises is not documented
        cut = _open_cut(path, storage) if path.suffix == '.mcap' else None
        if cut is None:
            raise DataError(
                f'{path} is damaged or no bag, nothing could be read: {_words(error)}'
            ) from error
        storage.damage = (
            f'{path} is cut off: its index is missing and its last {cut.lost_bytes} bytes are '
            'not a complete record'
        )


def _require_plain(path: Path) -> None:
    if not path.is_file():
        raise DataError(f'{path} is no plain file: expected the file of a bag')


def _check_start(path: Path) -> None:
    """Refuse what does not begin as a ROS 1 bag: the library would look for its first line."""
    with path.open('rb') as stream:
        if stream.read(len(_ROS1_START)) != _ROS1_START:
            raise DataError(f'{path} is damaged or no bag, nothing could be read')


def _open_cut(path: Path, storage: Storage) -> CutMcap | None:
    """Open what is complete of a cut MCAP file; None if that is nothing."""
    cut = CutMcap(path)
    try:
        storage.readers.append(_opened(Reader2(cast(Any, cut))))
    except Exception:  # what a damaged file raises is not documented
        return None
    return cut


def _opened(reader: Reader) -> Reader:
    reader.open()
    return reader


def _words(error: Exception) -> str:
    return f'{type(error).__name__}: {error}' if str(error) else type(error).__name__
