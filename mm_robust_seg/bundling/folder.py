"""Change the files of a bundle so that nobody ever sees half of one; needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
import shutil
from typing import Any

import cv2

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import load_bundle, MANIFEST
from mm_robust_seg.bundle_files import sha256
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.golden import golden_inputs, golden_labels
from mm_robust_seg.errors import TrainingError
from mm_robust_seg.files import write_bytes, write_json


@contextmanager
def replacing_bundle(folder: Path) -> Iterator[Path]:
    """Yield a new folder that becomes the bundle ``folder`` when the block succeeds.

    On any error, Ctrl-C included, the new folder is removed and a bundle at ``folder`` stays.

    Raises:
        TrainingError: if ``folder`` holds something that is not a bundle, or the disk is full.
    """
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise TrainingError(f'{folder} exists and is not a bundle: give another folder')
    building = folder.with_name(f'.{folder.name}.building')
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        yield building
        load_bundle(building)
        _put_in_place(building, folder)
    except OSError as error:
        raise TrainingError(f'{folder} cannot be written: {error}; free some space') from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


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


def _put_in_place(building: Path, folder: Path) -> None:
    """Rename ``building`` to ``folder``; a bundle there stays whole until the new one is."""
    before = folder.with_name(f'.{folder.name}.before')
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    try:
        building.rename(folder)
    except OSError:
        if before.exists():
            before.rename(folder)
        raise
    shutil.rmtree(before, ignore_errors=True)
