"""Coarser classes for a bundle: which classes of a network are one."""

from __future__ import annotations

from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from mm_robust_seg.errors import ConfigError


@dataclass(frozen=True)
class Merging:
    """Coarser classes.

    Attributes:
        classes: name and color of each, as in a manifest.
        places: the coarser class of each class of the network.
        description: one sentence for the manifest, if it is to be another.
    """

    classes: list[dict[str, Any]]
    places: list[int]
    description: str = ''


def read_merging(path: Path, class_count: int) -> Merging:
    """Read which classes of a network of ``class_count`` classes are one.

    Raises:
        ConfigError: if the file cannot be read or does not place every class.
    """
    try:
        tree = json.loads(path.read_text(encoding='utf-8'))
        places = [int(place) for place in tree['merged']]
        found = Merging(list(tree['classes']), places, str(tree.get('description', '')))
        named = all({'name', 'color'} <= set(one) for one in found.classes)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f'{path} cannot be read as a merging of classes: {error}') from error
    used = set(found.places)
    if len(found.places) != class_count or used != set(range(len(found.classes))) or not named:
        raise ConfigError(
            f'{path} places {len(found.places)} classes into {len(found.classes)}: expected '
            f'{class_count}, the classes of the network, into classes with name and color that '
            'are all used'
        )
    return found
