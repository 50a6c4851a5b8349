# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Read .npz archives of numbers whose sizes nobody has vouched for."""

from __future__ import annotations

from collections.abc import Iterable
import io
from pathlib import Path
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mm_robust_seg.errors import DataError

_SUFFIX = '.npy'
_MOST_BYTES = 1 << 32


def read_npz(
    path: Path, names: Iterable[str] | None = None, most_bytes: int = _MOST_BYTES
) -> dict[str, NDArray[np.generic]]:
    """Read the arrays of a file that ``numpy.savez`` wrote; objects are refused.

    Args:
        names: the arrays that are wanted; all if None.
        most_bytes: of all of them together, unpacked.

    Raises:
        DataError: if it is missing or damaged, lacks an array, or holds more.
    """
    try:
        if not path.is_file():
            raise ValueError('it is no plain file')
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            wanted = members if names is None else [name + _SUFFIX for name in names]
            if missing := set(wanted) - set(members):
                raise ValueError(f'it lacks {min(missing).removesuffix(_SUFFIX)}')
            size = sum(archive.getinfo(name).file_size for name in wanted)
            if size > most_bytes:
                raise ValueError(f'it unpacks to {size} bytes, more than {most_bytes}')
            return {name.removesuffix(_SUFFIX): _array(archive.read(name)) for name in wanted}
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zlib.error) as error:
        raise DataError(f'{path} cannot be read as arrays: {error}') from error
    except (zipfile.BadZipFile, NotImplementedError, MemoryError) as error:
        raise DataError(f'{path} cannot be read as arrays: {error or "too large"}') from error


def _array(data: bytes) -> NDArray[np.generic]:
    """Read one .npy file; its header may not promise more than follows it."""
    stream = io.BytesIO(data)
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError('it is no array of numbers')
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    count = 1
    for side in shape:
        count *= side
    if dtype.hasobject or count * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f'it has an array of {dtype} whose size is not that of its data')
    stream.seek(0)
    array: NDArray[np.generic] = npy.read_array(stream, allow_pickle=False)
    return array
