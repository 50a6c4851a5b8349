# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The two splits of a recipe's data set, and a look at them before the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.datasets.samples import Dataset, evenly_spaced, Sample
from mm_robust_seg.datasets.survey import Survey, survey
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.training.recipe import Recipe


def load(recipe: Recipe, split: str) -> Dataset:
    """Load ``train`` or ``val``; the simulated ones are the same for every seed of a training.

    Raises:
        ConfigError: if the folder is not given.
        DataError: if it is not what it should be, or the split is empty.
    """
    data = recipe.data
    if data.kind != 'sim' and not data.folder:
        raise ConfigError(f'{data.kind} is read from a folder: give it with --data')
    dataset = load_split(
        data.kind,
        Path(data.folder),
        split,
        classes=data.classes,
        count=data.train_count if split == 'train' else data.val_count,
        size_px=(recipe.inputs.width_px, recipe.inputs.height_px),
        inputs=recipe.input_spec,
    )
    if len(dataset) == 0:
        raise DataError(f'the split {split} is empty: expected at least one sample')
    return dataset


class Part:
    """Some samples of a data set."""

    def __init__(self, whole: Dataset, indices: Sequence[int]) -> None:
        self._whole, self._indices = whole, tuple(indices)
        self.classes, self.modalities = whole.classes, whole.modalities
        self.provenance, self.licence = whole.provenance, whole.licence

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self._whole[self._indices[index]]


def divided(whole: Dataset, held_out: float) -> tuple[Dataset, Dataset | None]:
    """Return what is trained on and what is kept back: a share of the samples, evenly spaced.

    The same ones are kept back whatever the seed, so that adapters are not trained on what their
    base was not.
    """
    if not held_out:
        return whole, None
    kept = evenly_spaced(len(whole), max(1, round(held_out * len(whole))))
    rest = sorted(set(range(len(whole))) - set(kept))
    return Part(whole, rest), Part(whole, kept)


def checked_survey(splits: Mapping[str, Dataset], strict: bool) -> Survey:
    """Look at every sample before the first step.

    Raises:
        DataError: if something is wrong that would spoil training, and ``strict``.
    """
    found = survey(splits)
    if found.problems and strict:
        raise DataError(
            'the data set is not fit for training; repair it, or train all the same with '
            '--set data.strict=false:\n' + '\n'.join(f'  {line}' for line in found.problems)
        )
    return found
