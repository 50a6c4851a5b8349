# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A survey for programs, and for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.datasets.survey.data_set import lines, Survey
from mm_robust_seg.datasets.survey.split import SplitSurvey
from mm_robust_seg.report.document import Block, Heading, Table, Text, Tone

_TONES: Mapping[str, Tone] = {'problem': 'problem', 'remark': 'remark'}


def survey_blocks(splits: Mapping[str, Dataset], found: Survey) -> list[Block]:
    """Return what a survey found, and the share of each class in each split."""
    first = next(iter(splits.values()))
    head, *others = lines(found)
    return [
        Heading(f'{first.provenance["data"]}, licence: {first.licence}'),
        Text(head),
        _classes(first, found),
        *(Text(line, _TONES.get(line.partition(':')[0], '')) for line in others),
    ]


def _classes(dataset: Dataset, found: Survey) -> Table:
    pixels = [split.class_pixels for split in found.splits.values()]
    shares = [100 * counts / max(int(counts.sum()), 1) for counts in pixels]
    return Table(
        ('% of labelled pixels', *found.splits),
        [
            (f'{number} {item.name}', *(f'{share[number]:.2f}' for share in shares))
            for number, item in enumerate(dataset.classes)
        ],
        colors=[item.color for item in dataset.classes],
    )


def survey_facts(splits: Mapping[str, Dataset], found: Survey) -> dict[str, Any]:
    """Return a survey for programs."""
    first = next(iter(splits.values()))
    return {
        'modalities': str(found.modalities),
        'classes': list(found.class_names),
        'licence': first.licence,
        'provenance': {name: dict(dataset.provenance) for name, dataset in splits.items()},
        'splits': {name: _split_facts(found, split) for name, split in found.splits.items()},
        'problems': list(found.problems),
        'remarks': list(found.remarks),
    }


def _split_facts(found: Survey, split: SplitSurvey) -> dict[str, Any]:
    return {
        'samples': len(split.names),
        'unreadable': list(split.unreadable),
        'sizes': [
            {'width_px': w, 'height_px': h, 'samples': n} for (h, w), n in split.sizes.items()
        ],
        'images': {
            str(modality): {
                'low': images.low,
                'high': images.high,
                'invalid_share': images.invalid_share,
                'constant': list(images.constant),
                'implausible': list(images.implausible),
            }
            for modality, images in split.images.items()
        },
        'class_pixels': dict(zip(found.class_names, map(int, split.class_pixels), strict=True)),
        'unlabeled_share': split.unlabeled_share,
        'without_labels': list(split.blank),
    }
