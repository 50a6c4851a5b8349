# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""MM5: units, and what is said of a folder that is something else."""

import cv2
import numpy as np
import pytest
from tiny_datasets import mm5

from mm_robust_seg.datasets.mm5 import MM5
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import COMPLETE, Modality


@pytest.fixture
def folder(tmp_path):
    return mm5(tmp_path)


def test_samples_are_in_physical_units(folder):
    dataset = MM5(folder, 'train')
    sample = dataset[1]
    assert (len(dataset), dataset.modalities, sample.name) == (3, COMPLETE, '1')
    assert set(sample.images) == set(Modality)
    assert sample.images[Modality.THERMAL][0, [0, -1]] == pytest.approx([18000 / 64, 20000 / 64])
    assert sample.images[Modality.DEPTH][0, [0, -1]] == pytest.approx([0.6, 2.4])
    red = sample.images[Modality.RGB][..., 0]
    assert red[sample.labels > 0].mean() > red[sample.labels == 0].mean() + 100


def test_access_is_repeatable(folder):
    dataset = MM5(folder, 'val')
    first, again = dataset[0], dataset[0]
    for modality in COMPLETE:
        assert np.array_equal(first.images[modality], again.images[modality])


@pytest.mark.parametrize(
    ('break_it', 'message'),
    [
        (lambda f: (f / 'train.txt').write_text(''), 'is empty'),
        (lambda f: (f / 'train.txt').write_text('77'), r'rgb/77\.jpg is missing'),
        (lambda f: (f / 'train.txt').write_text('0\n1\n0'), "lists '0' 2 times"),
        (lambda f: (f / 'train.txt').write_text('../0'), 'inside the data folder'),
        (lambda f: (f / 'train.txt').unlink(), 'expected the MM5 layout'),
        (lambda f: (f / 'depth/1.png').unlink(), r'depth/1\.png is missing: expected the MM5'),
        (lambda f: (f / 'rgb/0.jpg').write_bytes(b'\xff\xd8\xff'), 'not an image'),
        (lambda f: (f / 'classes.json').write_text('{"0": "a"}'), r'label/0\.png has label 1 in'),
        (lambda f: (f / 'classes.json').write_text('[]['), 'not a class list'),
        (lambda f: (f / 'classes.json').write_text('["a", "a"]'), 'different names'),
        (
            lambda f: cv2.imwrite(str(f / 'thermal/0.png'), np.zeros((48, 64), np.uint8)),
            r'thermal/0\.png has 1 channel of uint8: .* uint16',
        ),
        (
            lambda f: cv2.imwrite(str(f / 'depth/0.png'), np.zeros((9, 12), np.uint16)),
            r'depth/0\.png is 12 x 9 px: expected the size of its labels, 64 x 48 px',
        ),
    ],
)
def test_a_folder_that_is_not_mm5_is_explained(folder, break_it, message):
    break_it(folder)
    with pytest.raises(DataError, match=message):
        MM5(folder, 'train')[0]
