# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which topic of a bag holds the images of which sensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mm_robust_seg.errors import DataError
from mm_robust_seg.foreign_text import listed, shortened
from mm_robust_seg.modalities.topic_names import is_of_camera
from mm_robust_seg.modality import Modality

TOPICS: Mapping[Modality, str] = {m: f'/{m}/image' for m in Modality}
TRUTH_TOPIC = '/truth/image'
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
SHORT = {IMAGE: 'sensor_msgs/Image', COMPRESSED: 'sensor_msgs/CompressedImage'}
TWINS = ('/compressedDepth', '/compressed')
"""What follows the name of an image topic on which the same images are, compressed."""
_MOST_CANDIDATES = 64
_MOST_LISTED, _LONGEST_LISTED = 16, 100


@dataclass(frozen=True)
class Recorded:
    """A topic of a bag: its message type and how many messages were recorded."""

    type: str
    count: int


@dataclass(frozen=True)
class Choice:
    """The topic of every sensor, and what a person should know about it."""

    topics: Mapping[Modality, str]
    notes: tuple[str, ...] = ()


def choose(
    path: Path,
    recorded: Mapping[str, Recorded],
    given: Mapping[Modality, str],
    namespace: str,
) -> Choice:
    """Find each sensor's topic among the recorded ones and check its type.

    Args:
        path: of the bag.
        recorded: its topics, by name.
        given: topics that must be there.
        namespace: of the others, which have the names in ``TOPICS``; of these one is enough.

    Raises:
        DataError: if a topic is missing, not of an image type, or given for two sensors.
    """
    chosen: dict[Modality, str] = {}
    notes: list[str] = []
    usual = usual_topics(namespace)
    for modality in Modality:
        topic = '/' + given.get(modality, usual[modality]).lstrip('/')
        if found := find(topic, recorded):
            chosen[modality] = found
            if found != topic and topic in recorded:
                notes.append(f'{topic} was recorded without a message: {found} is used')
        elif modality in given:
            raise DataError(f'{path} has no topic {topic}. {_listed(recorded)}')
    if not chosen:
        raise DataError(
            f'{path} has none of the topics {", ".join(usual.values())}. {_listed(recorded)}'
        )
    _check(path, recorded, chosen)
    return Choice(chosen, tuple(notes))


def usual_topics(namespace: str) -> dict[Modality, str]:
    """Return the names that the sensors' topics have unless others are given."""
    folder = namespace.strip('/')
    return {m: f'/{folder}{topic}' if folder else topic for m, topic in TOPICS.items()}


def unnamed(
    recorded: Mapping[str, Recorded], given: Mapping[Modality, str], namespace: str
) -> tuple[list[Modality], list[str]]:
    """Return sensors without a topic, and topics with images that may be those of a camera.

    A sensor has one if it is given, or there is one of the usual name.
    """
    names = {
        m: '/' + given.get(m, usual).lstrip('/') for m, usual in usual_topics(namespace).items()
    }
    taken = {m: find(name, recorded) for m, name in names.items()}
    folder = f'/{namespace.strip("/")}/' if namespace.strip('/') else '/'
    images = {
        topic
        for topic, kind in recorded.items()
        if kind.type in SHORT and kind.count and topic.startswith(folder) and is_of_camera(topic)
    }
    twins = {topic + twin for topic in images | {*names.values()} for twin in TWINS}
    free = sorted(images - twins - {*taken.values()})
    sensors = [m for m in Modality if m not in given and not taken[m]]
    return sensors, free[:_MOST_CANDIDATES]


def find(topic: str, recorded: Mapping[str, Recorded]) -> str:
    """Return a topic's name or that of its compressed twin, whichever has messages; or empty."""
    names = [name for name in (topic, *(topic + twin for twin in TWINS)) if name in recorded]
    return next((name for name in names if recorded[name].count), names[0] if names else '')


def _check(path: Path, recorded: Mapping[str, Recorded], chosen: Mapping[Modality, str]) -> None:
    for modality, topic in chosen.items():
        if recorded[topic].type not in SHORT:
            raise DataError(
                f'{_described(topic, recorded[topic].type)} in {path} is no image topic: expected '
                f'{" or ".join(SHORT.values())}; name the image topic with --{modality}-topic'
            )
        sharing = [str(m) for m, other in chosen.items() if other == topic]
        if len(sharing) > 1:
            raise DataError(
                f'{" and ".join(sharing)} have the same topic {topic}: expected one for each. '
                f'{_listed(recorded)}'
            )


def _described(name: str, kind: str) -> str:
    return shortened(f'{name} ({SHORT.get(kind, kind)})', _LONGEST_LISTED)


def _listed(recorded: Mapping[str, Recorded]) -> str:
    names = sorted(recorded, key=lambda topic: (recorded[topic].type not in SHORT, topic))
    kinds = {name: recorded[name].type for name in names}
    topics = listed([_described(name, kind) for name, kind in kinds.items()], _MOST_LISTED)
    options = ', '.join(f'--{modality}-topic' for modality in Modality)
    return f'It holds {topics or "no topic"}. Name the right ones with {options}'
