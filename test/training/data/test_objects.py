# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Objects of a split, and windows on them."""

from dataclasses import replace

import numpy as np
import pytest

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.training.data.objects import find_objects, object_classes
from mm_robust_seg.training.data.windows import anywhere, on_objects
from mm_robust_seg.training.recipe import ObjectsRecipe

TABLE, CUP, BOWL = range(3)
RECIPE = ObjectsRecipe(paste=0.5, smallest=0.01, largest=0.3, common=0.5)


class Made:
    """A split of label maps alone."""

    classes = tuple(SegmentationClass(name, (0, 0, 0)) for name in ('table', 'cup', 'bowl'))

    def __init__(self, *labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return Sample(str(index), {}, self.labels[index])

    def pixels(self):
        return sum(np.bincount(x.ravel(), minlength=3) for x in self.labels)


def scene(*boxes):
    """Draw (class, top, left, height, width) on a table of 40 x 60 px."""
    labels = np.zeros((40, 60), np.uint8)
    for class_id, top, left, height, width in boxes:
        labels[top : top + height, left : left + width] = class_id
    return labels


SPLIT = Made(
    scene((CUP, 2, 3, 10, 8), (CUP, 20, 30, 10, 12), (BOWL, 25, 5, 10, 10)),
    scene((CUP, 5, 5, 10, 10), (CUP, 30, 50, 2, 2)),
    scene((BOWL, 0, 0, 20, 60)),
    scene((CUP, 8, 8, 8, 8)),
)


def found_by(recipe):
    return find_objects(SPLIT, object_classes(SPLIT.classes, SPLIT.pixels(), recipe), recipe)


def test_an_object_is_a_connected_region_of_a_fitting_size():
    found = found_by(RECIPE)
    assert [(r.sample, r.class_id, r.top, r.left, r.mask.shape) for r in found.regions] == [
        (0, CUP, 2, 3, (10, 8)),
        (0, CUP, 20, 30, (10, 12)),
        (0, BOWL, 25, 5, (10, 10)),
        (1, CUP, 5, 5, (10, 10)),
        (3, CUP, 8, 8, (8, 8)),
    ]
    assert all(region.mask.all() for region in found.regions)


def test_rare_classes_are_drawn_more_often():
    found = found_by(RECIPE)
    assert found.draw.sum() == pytest.approx(1)
    cup, bowl = (
        {w for r, w in zip(found.regions, found.draw, strict=True) if r.class_id == c}
        for c in (CUP, BOWL)
    )
    (cup,), (bowl,) = cup, bowl
    assert bowl / cup == pytest.approx((4 * 3**0.5) / (1 * 2**0.5))
    assert found.rarity == pytest.approx([0, 1 / 3**0.5, 1 / 2**0.5])


def test_surroundings_are_no_objects():
    named = found_by(replace(RECIPE, surroundings=['bowl']))
    assert {r.class_id for r in named.regions} == {CUP}
    assert named.rarity[BOWL] == 0
    with pytest.raises(ConfigError, match=r"'plate', which is no class.*table, cup, bowl"):
        found_by(replace(RECIPE, surroundings=['plate']))
    with pytest.raises(DataError, match=r'holds no objects: expected .* set objects\.crops'):
        found_by(replace(RECIPE, common=0.001))


def test_a_share_of_the_windows_is_on_a_rare_object():
    labels, rarity = scene((CUP, 0, 0, 4, 4), (BOWL, 36, 56, 4, 4)), np.array([0, 0.1, 0.9])
    seen = []
    for seed in range(300):
        top, left = on_objects(0.7, rarity)(labels, 8, 10, np.random.default_rng(seed))
        assert 0 <= top <= 32 and 0 <= left <= 50
        window = labels[top : top + 8, left : left + 10]
        assert window.shape == (8, 10)
        seen.append(window.max())
    counts = np.bincount(seen, minlength=3) / len(seen)
    assert counts[BOWL] == pytest.approx(0.63, abs=0.1)
    assert counts[CUP] == pytest.approx(0.07, abs=0.05)


def test_without_objects_a_window_is_anywhere():
    labels, rarity = scene(), np.array([0, 1.0, 1.0])
    for seed in range(5):
        first, again = (np.random.default_rng(seed) for _ in range(2))
        again.random()
        found = on_objects(0.7, rarity)(labels, 8, 10, first)
        assert found == anywhere(labels, 8, 10, again)
