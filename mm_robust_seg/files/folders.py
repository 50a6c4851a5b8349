# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Folders of results: held by one process, renewed when all is whole, foreign files untouched.

What is being made lies in a hidden folder within, so that it is on the same disk, goes with the
folder, and is cleared by the next run where one was killed::

    out/
    |- .mm_robust_seg.unfinished/   what is being made
    |- NOTES.md                     of somebody else: stays
    `- summary.json                 of an earlier run: stays until the new one is whole
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
import errno
import fcntl
import os
from pathlib import Path
import shutil

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.files.writing import is_unfinished, named, replacing, require_replaceable
from mm_robust_seg.signals import signals_held_back

_WORKSHOP = '.mm_robust_seg.unfinished'
_NEW, _BEFORE = 'new', 'before'
Listing = Callable[[Path], Iterable[Path]]
"""Lists the files in a folder that earlier runs wrote."""


def nothing(_folder: Path) -> Iterable[Path]:
    """List no file."""
    return ()


def is_free(folder: Path) -> bool:
    """Tell whether there is nothing at ``folder`` but what a killed run left."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(path.name == _WORKSHOP for path in folder.iterdir())


@contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Hold ``folder`` for this process alone; yield where it is, links followed.

    It is made if it is not there, and removed again if nothing came into it. What a killed run
    left unfinished in it is cleared.

    Raises:
        ConfigError: if it is no folder, or another run holds it.
    """
    real = Path(os.path.realpath(folder))
    if real.is_symlink() or (real.exists() and not real.is_dir()):
        raise ConfigError(f'{folder} is no folder: expected one, or a name that is free')
    is_new = not real.exists()
    real.mkdir(parents=True, exist_ok=True)
    held = os.open(real, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(held, folder)
        _clear(real)
        yield real
    finally:
        os.close(held)
        if is_new:
            with suppress(OSError):  # not empty
                real.rmdir()


@contextmanager
def renewing(folder: Path, last: str, earlier: Listing = nothing) -> Iterator[Path]:
    """Yield an empty folder whose files come into ``folder`` when the block succeeds.

    They take the place of files of their names; those of ``earlier`` that are not made again are
    removed, and everything else stays. On any error, Ctrl-C included, ``folder`` stays as it was.

    Args:
        last: of the new files, the one that comes last: it says that all are there.

    Raises:
        ConfigError: as :func:`claimed`.
        DataError: if a new file would take the place of a folder or device.
        OSError: with the name of ``folder``, if it cannot be written.
    """
    try:
        with claimed(folder) as real:
            workshop = real / _WORKSHOP
            made = workshop / _NEW / real.name
            try:
                made.mkdir(parents=True)
                yield made
                with signals_held_back():
                    _put_in_place(made, real, last, earlier)
            except OSError as error:
                if isinstance(error.filename, str):
                    error.filename = error.filename.replace(str(made), str(folder))
                raise
            finally:
                shutil.rmtree(workshop, ignore_errors=True)
    except OSError as error:
        raise named(error, folder) from error


def _lock(held: int, folder: Path) -> None:
    """Take the lock of an open folder, which ends with the process however that ends."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            f'another run writes into {folder} now: wait until it is done, or give another folder'
        ) from None
    except OSError:  # a file system without locks: two runs are not told
        return


def _clear(folder: Path) -> None:
    workshop = folder / _WORKSHOP
    if workshop.is_symlink() or (workshop.exists() and not workshop.is_dir()):
        raise ConfigError(f'{workshop} is no folder of ours: remove it, or give another folder')
    shutil.rmtree(workshop, ignore_errors=True)
    for path in filter(is_unfinished, folder.iterdir()):
        path.unlink(missing_ok=True)


def _put_in_place(made: Path, folder: Path, last: str, earlier: Listing) -> None:
    """Move all files; where one cannot be, bring back what was there before."""
    new = sorted(path.relative_to(made) for path in made.rglob('*') if path.is_file())
    new.sort(key=lambda path: path.as_posix() == last)
    old = {path for path in earlier(folder) if path.is_file() and not path.is_symlink()}
    for relative in new:
        require_replaceable(folder / relative)
    before, there = made.parents[1] / _BEFORE, {path for path in new if (folder / path).exists()}
    moved: list[Path] = []
    try:
        for relative in new:
            if relative in there:
                _keep(folder / relative, before / relative)
            _move(made / relative, folder / relative)
            moved.append(relative)
    except OSError:
        for relative in moved:
            with suppress(OSError):
                if relative in there:
                    _move(before / relative, folder / relative)
                else:
                    (folder / relative).unlink()
        raise
    kept = {os.path.realpath(folder / relative) for relative in new}
    for path in old:
        if os.path.realpath(path) not in kept:
            path.unlink(missing_ok=True)


def _keep(path: Path, copy: Path) -> None:
    """Give a file a second name, where the disk can do that."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        os.link(os.path.realpath(path), copy)


def _move(source: Path, path: Path) -> None:
    """Move a file into place, through links and on to other disks."""
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
