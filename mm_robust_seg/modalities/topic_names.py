# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the name of a topic tells about its images."""

from __future__ import annotations

from collections.abc import Sequence
import difflib
import re

from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality

_MADE = {'annotated', 'confidence', 'debug', 'detections', 'instance', 'label', 'labels', 'mask'}
_MADE |= {'masks', 'overlay', 'segmentation', 'semantic', 'truth', 'view'}
_MOST = 3
_REGISTERED = ('aligned', 'registered')


def speaks_of(topic: str) -> Modality | None:
    """Return the sensor that a topic's name speaks of; depth and thermal before RGB."""
    for modality in reversed(Modality):
        if any(word in topic.lower() for word in KINDS[modality].topic_words):
            return modality
    return None


def is_of_camera(topic: str) -> bool:
    """Tell whether nothing in the name speaks of made images: masks, views, true labels."""
    return _MADE.isdisjoint(re.split('[/_]', topic.lower()))


def is_registered(topic: str) -> bool:
    """Tell whether the name says that the images are registered to those of another camera."""
    return any(word in topic.lower() for word in _REGISTERED)


def likeliest(
    offers: Sequence[tuple[str, str]], wanted: str, modality: Modality
) -> list[tuple[str, str]]:
    """Return the few offers, pairs of topic and transport, that most resemble a wanted topic.

    Left out are that topic itself, made images, and names that speak of another sensor.
    """

    def likeness(offer: tuple[str, str]) -> tuple[bool, float]:
        name, _ = offer
        return speaks_of(name) is modality, difflib.SequenceMatcher(None, name, wanted).ratio()

    candidates = [
        offer
        for offer in offers
        if offer[0] != wanted
        and is_of_camera(offer[0])
        and speaks_of(offer[0]) in (None, modality)
    ]
    return sorted(candidates, key=likeness, reverse=True)[:_MOST]
