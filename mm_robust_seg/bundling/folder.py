# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Change the files of a bundle so that nobody ever sees half of one; needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import load_bundle, MANIFEST
from mm_robust_seg.bundle_files import inside, sha256
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.golden import golden_inputs, golden_labels
from mm_robust_seg.errors import RobustSegError, TrainingError
from mm_robust_seg.files import is_free, renewing, write_bytes, write_json
from mm_robust_seg.schema import read_yaml


@contextmanager
def replacing_bundle(folder: Path) -> Iterator[Path]:
    """Yield a new folder whose files become the bundle ``folder`` when the block succeeds.

    On any error, Ctrl-C included, a bundle at ``folder`` stays. Files in it that are not of a
    bundle, such as notes or TensorRT plans, stay in any case.

    Raises:
        ConfigError: if another run writes into ``folder``.
        TrainingError: if it holds something that is not a bundle, or cannot be written.
    """
    if not is_free(folder) and not (folder / MANIFEST).is_file():
        raise TrainingError(f'{folder} exists and is not a bundle: give another folder')
    try:
        with renewing(folder, MANIFEST, listed_files) as building:
            yield building
            load_bundle(building)
    except OSError as error:
        raise TrainingError(
            f'{error.filename or folder} cannot be written: {error.strerror}; free some space, or '
            'give another folder'
        ) from error


def listed_files(folder: Path) -> list[Path]:
    """List the files of a bundle, as far as its manifest can be read."""
    try:
        names = read_yaml(folder / MANIFEST, 'the manifest of a bundle')['sha256']
        return [inside(folder, name) for name in names]
    except (RobustSegError, KeyError, TypeError):
        return []


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest with the checksum of every file in ``folder``."""
    files = [p for p in sorted(folder.rglob('*')) if p.is_file() and p.name != MANIFEST]
    checksums = {p.relative_to(folder).as_posix(): sha256(p) for p in files}
    write_json(folder / MANIFEST, {**manifest, 'sha256': checksums})


def write_golden(folder: Path) -> None:
    """Add the golden label map of every combination to the bundle in ``folder``.

    They are made with ONNX Runtime on the CPU; the manifest is written last.

    Raises:
        BundleError, EngineError: if the bundle cannot be read or run.
    """
    bundle = replace(load_bundle(folder), golden={})
    engine = build_engine(EngineConfig(backend='onnxruntime', warmup_iterations=0), bundle)
    golden = {}
    try:
        for combination in engine.combinations:
            engine.activate(combination)
            found = engine.infer(golden_inputs(bundle.inputs, combination))
            name = golden[str(combination)] = f'golden/{combination}.png'
            _, coded = cv2.imencode('.png', golden_labels(found))
            write_bytes(folder / name, coded.tobytes())
    finally:
        engine.close()
    write_manifest(folder, {**bundle.manifest, 'golden': golden})
