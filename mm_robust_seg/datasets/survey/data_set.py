# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Survey all splits of a data set, and say it in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.datasets.survey.findings import (
    name_overlaps,
    split_problems,
    split_remarks,
    unlearned,
)
from mm_robust_seg.datasets.survey.split import Progress, SplitSurvey, survey_split
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import ModalitySet


@dataclass(frozen=True)
class Survey:
    """All splits of a data set, and what is wrong with them."""

    modalities: ModalitySet
    class_names: tuple[str, ...]
    splits: Mapping[str, SplitSurvey]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def survey(splits: Mapping[str, Dataset], progress: Progress | None = None) -> Survey:
    """Look at every sample of every split.

    A sample that cannot be read is a problem and does not stop the survey.
    """
    first = next(iter(splits.values()))
    found = {name: survey_split(name, dataset, progress) for name, dataset in splits.items()}
    names = tuple(c.name for c in first.classes)
    problems = [line for name, split in found.items() for line in split_problems(name, split)]
    remarks = [line for name, split in found.items() for line in split_remarks(name, split, names)]
    for name, dataset in splits.items():
        if (dataset.classes, dataset.modalities) != (first.classes, first.modalities):
            problems.append(f'{name} has other classes or sensors than {next(iter(splits))}')
    problems += name_overlaps(found)
    remarks += unlearned(found, names)
    return Survey(first.modalities, names, found, tuple(problems), tuple(remarks))


def lines(found: Survey) -> list[str]:
    """Return the survey in words, one fact a line; problems and remarks last."""
    text = [f'{found.modalities}, {len(found.class_names)} classes']
    for name, split in found.splits.items():
        sizes = ', '.join(f'{w} x {h} px' for h, w in split.sizes)
        text.append(
            f'{name}: {len(split.names)} samples of {sizes or "no size"}, '
            f'{split.unlabeled_share:.1%} of the pixels unlabeled'
        )
        for sensor, images in split.images.items():
            values = f'{images.low:.4g} to {images.high:.4g} {KINDS[sensor].unit_sign}'
            invalid = f', {images.invalid_share:.1%} invalid' if images.invalid_share else ''
            text.append(f'{name}: {sensor} {values}{invalid}')
    text += [f'problem: {line}' for line in found.problems]
    return text + [f'remark: {line}' for line in found.remarks]
