# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Archives of numbers: what is asked for, and never more than was allowed."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from mm_robust_seg.errors import DataError
from mm_robust_seg.files.archives import read_npz


def header(shape) -> bytes:
    stream = io.BytesIO()
    entry = {'descr': '<f4', 'fortran_order': False, 'shape': shape}
    np.lib.format.write_array_header_1_0(stream, entry)
    return stream.getvalue()


def archive(path, **members: bytes):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(f'{name}.npy', data)
    return path


def test_arrays_come_as_they_were_saved(tmp_path):
    given = {'a': np.arange(6, dtype=np.int32).reshape(2, 3), 'b': np.float64(3), 'c': np.eye(2).T}
    np.savez_compressed(tmp_path / 'x.npz', **given)
    found = read_npz(tmp_path / 'x.npz')
    assert found.keys() == given.keys()
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array)
    assert read_npz(tmp_path / 'x.npz', ['b']).keys() == {'b'}


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = archive(tmp_path / 'x.npz', a=header((1 << 24,)) + bytes(4 << 24))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match='unpacks to 67108992 bytes, more than 1000'):
            read_npz(path, most_bytes=1000)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('shape', [(1 << 40,), (1 << 62, 4), (-1,), (3,)])
def test_a_header_that_promises_more_than_there_is_allocates_nothing(tmp_path, shape):
    with pytest.raises(DataError, match=r'cannot be read as arrays'):
        read_npz(archive(tmp_path / 'x.npz', a=header(shape) + bytes(8)))


@pytest.mark.parametrize(
    ('write', 'reason'),
    [
        (lambda p: np.savez(p, a=np.array([{}], object)), 'size is not that of its data'),
        (lambda p: np.savez(p, b=np.zeros(2)), 'it lacks a'),
        (lambda p: p.write_bytes(b'no archive'), 'File is not a zip file'),
        (lambda p: p.mkdir(), 'it is no plain file'),
        (lambda p: p.symlink_to(p.name), 'it is no plain file'),
        (lambda p: archive(p, a=b'no array'), 'magic string is not correct'),
        (lambda p: archive(p, a=header((2,))[:30]), 'EOF'),
    ],
)
def test_what_is_no_archive_of_numbers_is_refused(tmp_path, write, reason):
    write(tmp_path / 'x.npz')
    with pytest.raises(DataError, match=reason):
        read_npz(tmp_path / 'x.npz', ['a'])
