# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Judge what a survey found: problems spoil training or scores, remarks may surprise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from mm_robust_seg.datasets.survey.split import SplitSurvey
from mm_robust_seg.modalities import KINDS

MANY_INVALID = 0.5
_NAMED = 5


def split_problems(name: str, split: SplitSurvey) -> Iterator[str]:
    """Say what makes training or measuring on a split meaningless."""
    yield from (f'{name}: {message}' for message in split.unreadable[:_NAMED])
    if len(split.unreadable) > _NAMED:
        yield f'{name}: {len(split.unreadable) - _NAMED} more samples cannot be read'
    if not split.names:
        yield f'{name}: no sample can be used'
        return
    if np.count_nonzero(split.class_pixels) < 2:
        is_mask = bool(split.class_pixels[0]) and split.unlabeled_share > 0
        masked = ': 0 and 255 alone, as a mask has; write 1 where it says 255, which is no class'
        yield (
            f'{name}: the labels have fewer than two classes, so there is nothing to tell apart'
            f'{masked if is_mask else ""}'
        )
    for modality, images in split.images.items():
        (low, high), unit = KINDS[modality].plausible, KINDS[modality].unit_sign
        typical = float(np.nanmedian(images.medians)) if images.high > 0 else 0.0
        if images.invalid_share == 1 or len(images.constant) == len(split.names):
            yield f'{name}: every {modality} image is empty or constant'
        elif not low <= typical <= high:
            yield (
                f'{name}: {modality} is typically {typical:.4g} {unit}, expected '
                f'{low:g} to {high:g}: the unit or scale is wrong'
            )


def split_remarks(name: str, split: SplitSurvey, classes: tuple[str, ...]) -> Iterator[str]:
    """Say what is worth knowing about a split."""
    absent = [c for c, n in zip(classes, split.class_pixels, strict=True) if n == 0]
    if absent and split.names:
        effect = ', so not learned' if name == 'train' else ', so not measured'
        yield f'{name}: never present{effect}: {", ".join(absent)}'
    if len(split.sizes) > 1:
        common = ', '.join(f'{w} x {h} ({n})' for (h, w), n in Counter(split.sizes).most_common(4))
        yield f'{name}: images have {len(split.sizes)} sizes in px: {common}'
    if split.blank:
        yield f'{name}: no labelled pixel in {_listed(split.blank)}'
    for modality, images in split.images.items():
        if images.constant:
            yield f'{name}: {modality} is constant in {_listed(images.constant)}'
        if images.implausible:
            (low, high), unit = KINDS[modality].plausible, KINDS[modality].unit_sign
            yield (
                f'{name}: {modality} is outside {low:g} to {high:g} {unit} in '
                f'{_listed(images.implausible)}'
            )
        if images.invalid_share > MANY_INVALID:
            yield f'{name}: {images.invalid_share:.0%} of all {modality} pixels are invalid'


def name_overlaps(splits: Mapping[str, SplitSurvey]) -> Iterator[str]:
    """Say which samples are in two splits."""
    names = list(splits)
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            common = sorted(set(splits[one].names) & set(splits[other].names))
            if common:
                yield f'{one} and {other} share {_listed(tuple(common))}: scores would be too good'


def unlearned(splits: Mapping[str, SplitSurvey], classes: tuple[str, ...]) -> Iterator[str]:
    """Say which classes are in another split, but never in ``train``."""
    if 'train' not in splits:
        return
    missing = splits['train'].class_pixels == 0
    for name, split in splits.items():
        shown = np.flatnonzero(missing & (split.class_pixels > 0))
        if shown.size:
            share = int(split.class_pixels[shown].sum()) / int(split.class_pixels.sum())
            names = _listed(tuple(classes[number] for number in shown))
            yield f'{name}: {share:.1%} of the labelled pixels are of {names}, not in train'


def _listed(names: tuple[str, ...]) -> str:
    shown = ', '.join(names[:_NAMED])
    return f'{shown} and {len(names) - _NAMED} more' if len(names) > _NAMED else shown
