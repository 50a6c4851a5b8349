# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Write a file so that nobody ever sees half of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import re
import secrets
from typing import Any

from mm_robust_seg.errors import DataError

_UNFINISHED = re.compile(r'\..+\.[0-9a-f]{8}\.unfinished(\.[^.]+)?')


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block succeeds.

    The suffix is kept, since writers such as OpenCV choose the format by it. A symbolic link is
    followed, so it stays one. On any error, Ctrl-C included, the temporary file is removed and
    ``path`` stays as it was; what a killed process leaves, :func:`is_unfinished` knows.

    Raises:
        DataError: if ``path`` is there and no plain file.
        OSError: with the name of the file, if it cannot be written.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(
        f'.{target.stem}.{secrets.token_hex(4)}.unfinished{target.suffix}'
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        require_replaceable(target)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise named(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` in one step."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON to ``path`` in one step."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + '\n').encode())


def is_unfinished(path: Path) -> bool:
    """Tell whether a process that was killed left this file of :func:`replacing`."""
    return bool(_UNFINISHED.fullmatch(path.name)) and path.is_file() and not path.is_symlink()


def require_replaceable(path: Path) -> None:
    """Refuse what a new file must not take the place of: a folder, a device, a pipe.

    Raises:
        DataError: saying what to do.
    """
    if path.exists() and not path.is_file():
        raise DataError(f'{path} is no plain file, and stays: give another name')


def named(error: OSError, path: Path) -> OSError:
    """Return ``error`` with the name of a file, which a full disk does not tell."""
    if error.filename is not None or error.errno is None:
        return error
    return OSError(error.errno, error.strerror, str(path))
