# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Guess which topic of a bag has the images of which sensor: by type, name and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage, Reason, Rejection
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.topic_names import is_registered, speaks_of
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.sensors import decode

_STRIDE = 4
_Rank: TypeAlias = tuple[bool, bool, int, int]


@dataclass(frozen=True)
class Guess:
    """What was guessed.

    Attributes:
        topics: of the sensors for which there is one.
        notes: the topics in one line, and why others, whose name is right, were not taken.
    """

    topics: Mapping[Modality, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def guess(first: Mapping[str, RawImage], sensors: Iterable[Modality], config: Config) -> Guess:
    """Choose a topic for each of ``sensors``, if one is likely.

    A name that speaks of the sensor is enough if the values are in its units; a name that says
    nothing is if all the checks of the content pass, for the sensor that sends such an encoding
    most.

    Args:
        first: the first image of each topic that may be one of a camera.
        config: gives units and limits.
    """
    likely: dict[Modality, list[tuple[_Rank, str]]] = {m: [] for m in sensors}
    refused: list[str] = []
    for topic, raw in first.items():
        said = speaks_of(topic)
        images = {m: replace(raw, modality=m) for m in Modality if said in (None, m)}
        problems = {m: _problem(image, said is m, config) for m, image in images.items()}
        fitting = [m for m, problem in problems.items() if not problem]
        if fitting:
            modality = min(fitting, key=lambda m: _place(images[m]))
            if modality in likely:
                rank = said is None, not is_registered(topic), _place(images[modality])
                likely[modality].append(((*rank, len(topic)), topic))
        elif said in likely:
            refused.append(
                f'{topic} may be {said} by its name, but {problems[said]}: name it with '
                f'--{said}-topic if it is'
            )
    found = {modality: sorted(ranked) for modality, ranked in likely.items() if ranked}
    topics = {modality: ranked[0][1] for modality, ranked in found.items()}
    if not topics:
        return Guess({}, tuple(refused))
    line = ', '.join(f'{topics[m]} as {m}{_beside(ranked)}' for m, ranked in found.items())
    more = f'name others with --{next(iter(topics))}-topic and so on'
    return Guess(topics, (f'using {line}; {more}', *refused))


def _problem(image: RawImage, is_named: bool, config: Config) -> str:
    """Say why an image is not one of its sensor; empty if it may be."""
    modality, kind = image.modality, KINDS[image.modality]
    frame = decode(image, config.inputs, 0)
    if isinstance(frame, Rejection):
        return frame.detail
    statistics = kind.measure(frame.image[::_STRIDE, ::_STRIDE], frame.stored)
    for check in kind.checks:
        finding = check(statistics, config.inputs[modality], config.monitor[modality])
        if finding and finding.fails and (not is_named or finding.reason is Reason.UNITS):
            return finding.detail
    return ''


def _place(image: RawImage) -> int:
    """Return how usual an encoding is for the sensor; 0 is the most usual one."""
    encodings = KINDS[image.modality].encodings
    return encodings.index(image.encoding) if image.encoding in encodings else 0


def _beside(ranked: Sequence[tuple[_Rank, str]]) -> str:
    """Name the other topics that speak as clearly of the sensor."""
    rivals = [topic for rank, topic in ranked[1:] if rank[0] == ranked[0][0][0]]
    return f' (there is {", ".join(rivals)} too)' if rivals else ''
