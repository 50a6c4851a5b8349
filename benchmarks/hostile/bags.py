# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bags that are cut, altered, or made so that no image can be had from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import os
from pathlib import Path
from random import Random
import shutil
import sqlite3
import struct

import numpy as np

from benchmarks.hostile.files import damaged_yaml, odd_file
from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.writer import BagWriter

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

START_NS, PERIOD_NS = 1_700_000_000_000_000_000, 33_333_333
_SIZE_PX = (48, 64)
_METADATA = 'metadata.yaml'


def write_good(path: Path, storage: str = 'mcap') -> Path:
    """Write twelve images of each sensor."""
    pixels = {
        '/rgb/image': (np.full((*_SIZE_PX, 3), 90, np.uint8), 'rgb8'),
        '/depth/image': (np.full(_SIZE_PX, 4_000, np.uint16), '16UC1'),
    }
    with BagWriter(path, storage) as bag:
        for number in range(12):
            for topic, (image, encoding) in pixels.items():
                noisy = image + np.random.default_rng(number).integers(0, 9, image.shape)
                stamp_ns = START_NS + number * PERIOD_NS
                bag.write(topic, noisy.astype(image.dtype), encoding, stamp_ns, 'camera')
    return path


def write(folder: Path, random: Random) -> tuple[str, Path]:
    """Write a bad bag into ``folder``; return what is wrong and the path to give."""
    kind = random.choice(sorted(_KINDS))
    return kind, _KINDS[kind](folder, random)


def _copy(folder: Path, random: Random) -> Path:
    return write_good(folder / 'bag', random.choice(['mcap', 'sqlite3']))


def _storage(bag: Path) -> Path:
    return next(path for path in sorted(bag.iterdir()) if path.name != _METADATA)


def _cut(folder: Path, random: Random) -> Path:
    file = _storage(_copy(folder, random))
    os.truncate(file, int(random.uniform(0, 0.6) * file.stat().st_size))
    return file.parent if random.random() < 0.5 else file


def _altered(folder: Path, random: Random) -> Path:
    """Alter the file all over, so that no record is left whole."""
    file = _storage(_copy(folder, random))
    data = bytearray(file.read_bytes())
    for at in range(random.randrange(16), len(data), random.choice([3, 16, 40])):
        data[at] ^= 0xFF
    file.write_bytes(data)
    return file.parent if random.random() < 0.5 else file


def _garbage(folder: Path, random: Random) -> Path:
    path = folder / f'bag{random.choice([".mcap", ".db3", ".bag", ".txt", ""])}'
    heads = [b'', b'\x89MCAP0\r\n', b'SQLite format 3\0', b'#ROSBAG V2.0\n']
    path.write_bytes(random.choice(heads) + random.randbytes(random.choice([0, 10, 9000])))
    return path


def _odd(folder: Path, random: Random) -> Path:
    path = folder / f'bag{random.choice([".mcap", ".db3", ".bag"])}'
    odd_file(path, random)
    return path


def _odd_storage(folder: Path, random: Random) -> Path:
    bag = _copy(folder, random)
    odd_file(_storage(bag), random)
    return bag


def _metadata_alone(folder: Path, random: Random) -> Path:
    bag = _copy(folder, random)
    _storage(bag).unlink()
    (bag / _METADATA).write_bytes(damaged_yaml((bag / _METADATA).read_text(), random))
    return bag


def _topics(folder: Path, random: Random) -> Path:
    """So many topics that nobody reads their names, and none of a camera that we know."""
    file = _storage(write_good(folder / 'bag', 'sqlite3'))
    count, length = random.choice([(20_000, 8), (5_000, 200), (300, 60_000)])
    with sqlite3.connect(file) as database:
        row = database.execute('SELECT * FROM topics').fetchone()
        database.execute('DELETE FROM topics')
        database.executemany(
            f'INSERT INTO topics VALUES ({", ".join("?" * len(row))})',
            ((n, f'/t{n}/{"x" * length}', *row[2:]) for n in range(1000, count + 1000)),
        )
    database.close()
    return file


def _images(folder: Path, random: Random) -> Path:
    """Nothing but images that cannot be decoded."""
    kinds: Mapping[str, Callable[[], tuple[str, int, int, bytes]]] = {
        'encoding': lambda: ('x' * random.choice([0, 9, 500_000]), 48, 64, bytes(9216)),
        'size': lambda: ('rgb8', 2**32 - 1, random.choice([1, 64, 2**32 - 1]), bytes(100)),
        'short': lambda: ('rgb8', 48, 64, bytes(random.randrange(9000))),
        'png': lambda: ('compressed png', 0, 0, _png(random)),
        'jpeg': lambda: ('compressed jpeg', 0, 0, b'\xff\xd8\xff' + random.randbytes(400)),
        'format': lambda: (f'compressed {"y" * 100_000}', 0, 0, random.randbytes(50)),
    }
    encoding, height_px, width_px, data = kinds[random.choice(sorted(kinds))]()
    with BagWriter(folder / 'bag', random.choice(['mcap', 'sqlite3'])) as bag:
        for number in range(12):
            time_ns = START_NS + number * PERIOD_NS
            image = RawImage(
                Modality.RGB, time_ns, height_px, width_px, encoding, width_px * 3 % 2**32, data,
                frame_id='f' * random.choice([3, 200_000]),
            )  # fmt: skip
            bag.write_message('/rgb/image', image, time_ns)
    return folder / 'bag'


def _png(random: Random) -> bytes:
    side = random.choice([60_000, 30_000, 2**31 - 1])
    return b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR' + struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)


def _messages(folder: Path, random: Random) -> Path:
    """Messages of a database that are no messages."""
    bag = write_good(folder / 'bag', 'sqlite3')
    with sqlite3.connect(_storage(bag)) as database:
        data = random.choice([b'', b'\0', random.randbytes(60), b'\0\1\0\0' + b'\xff' * 40])
        database.execute('UPDATE messages SET data = ?', (data,))
    database.close()
    return bag


def _tables(folder: Path, random: Random) -> Path:
    bag = write_good(folder / 'bag', 'sqlite3')
    with sqlite3.connect(_storage(bag)) as database:
        table = random.choice(['messages', 'topics'])
        database.execute(f'DROP TABLE {table}')
        if random.random() < 0.5:
            database.execute(f'CREATE TABLE {table} (odd TEXT)')
    database.close()
    return bag


def _types(folder: Path, random: Random) -> Path:
    bag = write_good(folder / 'bag', 'sqlite3')
    kind = random.choice(
        ['std_msgs/msg/String', 'x' * 100_000, '', '../x', 'nav_msgs/msg/Odometry']
    )
    with sqlite3.connect(_storage(bag)) as database:
        database.execute('UPDATE topics SET type = ?', (kind,))
    database.close()
    return bag


def _bomb(folder: Path, random: Random) -> Path:
    """An MCAP whose only chunk unpacks to gigabytes."""
    size = random.choice([1 << 28, 1 << 31])
    packer = zstd.ZstdCompressor()
    parts = [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    packed = b''.join([*parts, packer.flush()])
    name = b'zstd'
    body = struct.pack('<QQQI', START_NS, START_NS, size, 0) + struct.pack('<I', len(name)) + name
    body += struct.pack('<Q', len(packed)) + packed
    magic, header = b'\x89MCAP0\r\n', struct.pack('<I', 4) + b'ros2' + struct.pack('<I', 0)
    records = b''.join(
        bytes([kind]) + struct.pack('<Q', len(data)) + data
        for kind, data in ((1, header), (6, body), (15, bytes(4)))
    )
    path = folder / 'bag.mcap'
    path.write_bytes(magic + records)
    return path


def _folder(folder: Path, random: Random) -> Path:
    bag = _copy(folder, random)
    kind = random.choice(['empty', 'other', 'missing', 'moved'])
    if kind == 'empty':
        shutil.rmtree(bag)
        bag.mkdir()
    elif kind == 'other':
        for path in bag.iterdir():
            path.rename(path.with_suffix('.txt'))
    elif kind == 'missing':
        return folder / 'nothing'
    else:
        _storage(bag).rename(folder / 'elsewhere')
    return bag


_KINDS: Mapping[str, Callable[[Path, Random], Path]] = {
    'a bomb': _bomb,
    'altered': _altered,
    'another folder': _folder,
    'cut': _cut,
    'garbage': _garbage,
    'images that cannot be decoded': _images,
    'messages that are none': _messages,
    'metadata alone': _metadata_alone,
    'no plain file': _odd,
    'no plain storage': _odd_storage,
    'tables': _tables,
    'topics': _topics,
    'types': _types,
}
