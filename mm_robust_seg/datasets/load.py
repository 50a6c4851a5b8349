# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Data sets by name, for recipes and commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mm_robust_seg import plugins
from mm_robust_seg.datasets.folder import FolderSplit
from mm_robust_seg.datasets.mfnet import MFNet
from mm_robust_seg.datasets.mm5 import MM5
from mm_robust_seg.datasets.nyuv2 import NYUv2
from mm_robust_seg.datasets.nyuv2_mat import LABELED, NYUv2Labeled
from mm_robust_seg.datasets.pst900 import PST900
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.datasets.simulated import Simulated
from mm_robust_seg.datasets.stored import StoredSplit
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.modalities.input_spec import InputSpec

BUILT_IN = ('sim', 'mm5', 'nyuv2', 'mfnet', 'pst900', 'folder')

_BY_FOLDER: Mapping[str, Callable[[Path, str], Dataset]] = {
    'mm5': MM5,
    'mfnet': MFNet,
    'pst900': PST900,
    'folder': FolderSplit,
}


def kinds() -> tuple[str, ...]:
    """Return every kind that ``load_split`` opens, plug-ins included."""
    return (*BUILT_IN, *plugins.DATASETS.names)


def load_split(
    kind: str,
    folder: Path,
    split: str,
    *,
    classes: int = 0,
    count: int = 60,
    seed: int = 0,
    size_px: tuple[int, int] = (320, 240),
    inputs: InputSpec | None = None,
) -> Dataset:
    """Open one split of a data set.

    Args:
        kind: one of :func:`kinds`.
        folder: of the data set; not used by ``sim``.
        split: ``train`` or ``val``, or another one that the data set has.
        classes: number of classes where a data set has several class lists; 0 means its usual.
        count, seed, size_px: samples, seed of the run and (width, height), of ``sim`` alone.
        inputs: of a network, whose range takes the place of the usual one of a sensor.

    Raises:
        ConfigError: if there is no such kind, or not in so many classes.
        PluginError: if the package that should bring the kind cannot be used.
        DataError: if the folder is not what it should be.
    """
    plugin = plugins.DATASETS.find(kind, BUILT_IN)
    if kind != 'sim' and not folder.is_dir():
        raise DataError(f'there is no folder {folder}: expected that of the data set {kind}')
    if kind == 'sim':
        dataset: Dataset = _simulated(split, count, seed, size_px)
    elif kind == 'nyuv2':
        has_original = (folder / LABELED).is_file()
        dataset = (NYUv2Labeled if has_original else NYUv2)(folder, split, classes or 40)
    else:
        dataset = (plugin or _BY_FOLDER[kind])(folder, split)
    if classes not in (0, len(dataset.classes)):
        raise ConfigError(
            f'{kind} has {len(dataset.classes)} classes, not {classes}: leave the number out'
        )
    if inputs is not None and isinstance(dataset, StoredSplit):
        dataset.prepare_for(inputs)
    return dataset


def _simulated(split: str, count: int, seed: int, size_px: tuple[int, int]) -> Simulated:
    """Render a split; those of different runs and of one run never share a seed."""
    parity = {'train': 0, 'val': 1}
    if split not in parity:
        raise ConfigError(f'the simulated street has no split {split!r}: expected train or val')
    return Simulated(count, 1_000_000 + 2 * seed + parity[split], *size_px)
