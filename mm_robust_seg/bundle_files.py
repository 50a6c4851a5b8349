# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The files of a model bundle, judged before any runtime opens one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import hashlib
from pathlib import Path, PurePosixPath
import re

from mm_robust_seg.errors import BundleError
from mm_robust_seg.foreign_text import shortened
from mm_robust_seg.onnx_wire import FLOAT, OnnxFacts, read_onnx, UINT8

_FILE_NAME = re.compile(r'[A-Za-z0-9._+/-]{1,255}')
_SHOWN_LENGTH = 80
_ENDLESS = {'Loop', 'Scan'}
"""Operators of which a file cannot tell how long they take."""
_MOST_GRAPH_BYTES = 2**31
"""What protobuf reads at most."""


def inside(folder: Path, relative: str) -> Path:
    """Return ``folder / relative``, refusing any path that leaves ``folder``.

    Raises:
        BundleError: if the path is absolute, climbs with ``..``, follows a link out or in a
            circle, or has other characters than letters, digits and ``._+-/``.
    """
    pure, given = PurePosixPath(relative), shortened(relative, _SHOWN_LENGTH)
    escapes = pure.is_absolute() or '..' in pure.parts or '\\' in relative or not pure.parts
    target = folder / pure
    try:
        escapes = escapes or not target.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        raise BundleError(
            f'{given!r} in {folder} cannot be followed: expected a plain file, and no circle of '
            'links; fetch or export the bundle again'
        ) from None
    if escapes:
        raise BundleError(
            f'{given!r} leaves the bundle folder {folder}: expected a path inside it'
        )
    if not _FILE_NAME.fullmatch(relative):
        raise BundleError(
            f"{given!r} is not the name of a bundle's file: expected at most 255 letters, "
            'digits and "._+-/"; export the bundle again'
        )
    return target


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open('rb') as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def verify_files(folder: Path, checksums: Mapping[str, str], used: Iterable[Path]) -> None:
    """Compare every file that ``checksums`` names with its checksum.

    Args:
        used: the files that must be among them.

    Raises:
        BundleError: naming the file that is missing, altered, outside or not listed.
    """
    for path in used:
        name = path.relative_to(folder).as_posix()
        if name not in checksums:
            raise BundleError(f'{folder} has no SHA-256 of {name} in its manifest: export again')
    for name, expected in checksums.items():
        path = inside(folder, name)
        if not isinstance(expected, str):
            raise BundleError(f'{folder} has no SHA-256 of {name} in its manifest: export again')
        if not path.is_file():
            raise BundleError(
                f'{path} is missing or not a plain file: fetch or export the bundle again'
            )
        found = sha256(path)
        if found != expected:
            raise BundleError(
                f'{path} was altered: its SHA-256 is {found[:12]}..., the manifest says '
                f'{shortened(expected, 15)}; fetch or export the bundle again'
            )


def verify_graph(
    folder: Path, checksums: Mapping[str, str], path: Path, sizes: Mapping[str, tuple[int, int]]
) -> None:
    """Check that a graph ends, opens only files of ``checksums``, and takes images of these sizes.

    Args:
        sizes: (height, width) in pixels of the inputs that are images, by name. An open
            dimension is left to the engine, which refuses it.

    Raises:
        BundleError: if it does not, or cannot be read as an ONNX graph.
    """
    facts = _facts(path)
    if endless := sorted(facts.operators & _ENDLESS):
        raise BundleError(
            f'{path} has a {endless[0]}, of which nobody can tell how long it takes: expected a '
            'graph without; export the bundle again'
        )
    for location in sorted(facts.external):
        file = inside(path.parent, location)
        name = file.relative_to(folder).as_posix()
        if name not in checksums:
            raise BundleError(
                f'{path} takes weights from {name}, of which the manifest has no SHA-256: '
                'export the bundle again'
            )
    expected = {name: FLOAT for name in facts.inputs if name in sizes}
    expected |= dict.fromkeys(facts.outputs, UINT8)
    if odd := sorted(name for name, kind in expected.items() if facts.types[name] != kind):
        raise BundleError(
            f'{path} has {shortened(odd[0], _SHOWN_LENGTH)} of another type than float32 for '
            'images and uint8 for outputs: export the bundle again'
        )
    images = {name: facts.inputs.get(name, ()) for name in sizes}
    size: tuple[int, ...] = next(iter(sizes.values()), ())
    for name, shape in {**images, **facts.outputs}.items():
        found = shape[-2:]
        if len(found) == len(size) and -1 not in found and found != size:
            raise BundleError(
                f'{path} has {shortened(name, _SHOWN_LENGTH)} of {found[1]} x {found[0]} px, the '
                f'manifest says {size[1]} x {size[0]}: export the bundle again'
            )


def _facts(path: Path) -> OnnxFacts:
    try:
        if path.stat().st_size > _MOST_GRAPH_BYTES:
            raise ValueError('it has more than 2 GiB')
        return read_onnx(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BundleError(
            f'{path} cannot be read as an ONNX graph: {error}; fetch or export the bundle again'
        ) from error
