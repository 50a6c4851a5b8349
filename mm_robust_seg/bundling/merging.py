# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Coarser classes for a bundle: which classes of a network are one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.foreign_text import one_line
from mm_robust_seg.schema import read_json


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
        tree = read_json(path, 'a merging of classes')
        places = [int(place) for place in tree['merged']]
        found = Merging(list(tree['classes']), places, str(tree.get('description', '')))
        named = all({'name', 'color'} <= set(one) for one in found.classes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = one_line(f'{type(error).__name__} {error}')
        raise ConfigError(f'{path} cannot be read as a merging of classes: {reason}') from error
    used = set(found.places)
    if len(found.places) != class_count or used != set(range(len(found.classes))) or not named:
        raise ConfigError(
            f'{path} places {len(found.places)} classes into {len(found.classes)}: expected '
            f'{class_count}, the classes of the network, into classes with name and color that '
            'are all used'
        )
    return found
