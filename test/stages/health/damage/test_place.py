# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where damage is, in words."""

import numpy as np
import pytest

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.finding import Damage


@pytest.mark.parametrize(
    ('place', 'rows', 'columns'),
    [
        ('everywhere', slice(0, 8), slice(0, 8)),
        ('left half', slice(0, 8), slice(0, 4)),
        ('right half', slice(0, 8), slice(4, 8)),
        ('upper half', slice(0, 4), slice(0, 8)),
        ('lower half', slice(4, 8), slice(0, 8)),
        ('upper left', slice(0, 2), slice(0, 2)),
        ('lower right', slice(6, 8), slice(6, 8)),
        ('middle right', slice(3, 5), slice(6, 8)),
        ('in the middle', slice(3, 5), slice(3, 5)),
        ('in many places', slice(0, 8, 2), slice(0, 8)),
    ],
)
def test_the_place_is_said_in_words(place: str, rows: slice, columns: slice) -> None:
    tiles = np.zeros((8, 8), bool)
    tiles[rows, columns] = True
    damage = Damage(Reason.OBSTRUCTED, tiles, float(tiles.mean()))
    assert damage.place == place
    with pytest.raises(ValueError, match='read-only'):
        damage.tiles[0, 0] = True
