# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every kind of data set keeps the same promises."""

from pathlib import Path

import numpy as np
import pytest
import tiny_datasets

from mm_robust_seg.datasets import stored
from mm_robust_seg.datasets.load import BUILT_IN, load_split
from mm_robust_seg.datasets.mm5 import MM5
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.modality import Modality

MAKE = {
    'mm5': tiny_datasets.mm5,
    'nyuv2': tiny_datasets.nyuv2,
    'mfnet': tiny_datasets.mfnet,
    'pst900': tiny_datasets.pst900,
    'folder': tiny_datasets.own,
}


@pytest.fixture(params=BUILT_IN)
def splits(request, tmp_path):
    folder = MAKE[request.param](tmp_path) if request.param in MAKE else Path()
    return [
        load_split(request.param, folder, split, count=2, size_px=(64, 48))
        for split in ('train', 'val')
    ]


def test_samples_are_of_one_size_in_the_types_of_a_frame(splits):
    for dataset in splits:
        assert len(dataset) > 0
        for index in range(len(dataset)):
            sample = dataset[index]
            assert set(sample.images) == set(dataset.modalities)
            assert sample.labels.dtype == np.uint8
            known = sample.labels[sample.labels != 255]
            assert known.size
            assert known.max() < len(dataset.classes)
            for modality, image in sample.images.items():
                is_rgb = modality is Modality.RGB
                assert image.shape == (*sample.labels.shape, *([3] if is_rgb else []))
                assert image.dtype == (np.uint8 if is_rgb else np.float32)
                assert image.min() >= 0


def test_access_is_repeatable(splits):
    dataset = splits[0]
    first, again = dataset[0], dataset[0]
    assert first.name == again.name
    assert np.array_equal(first.labels, again.labels)
    assert all(np.array_equal(first.images[m], again.images[m]) for m in dataset.modalities)


def test_splits_agree_and_share_no_sample(splits):
    train, val = splits
    assert (train.classes, train.modalities) == (val.classes, val.modalities)
    assert train.licence
    assert {'data', 'split'} <= set(train.provenance)
    names = [{dataset[i].name for i in range(len(dataset))} for dataset in splits]
    assert not names[0] & names[1]


def test_simulated_splits_of_different_runs_share_no_seed():
    seeds = [
        load_split('sim', Path(), split, count=1, seed=seed, size_px=(32, 24)).provenance['split']
        for seed in range(3)
        for split in ('train', 'val')
    ]
    assert len(set(seeds)) == 6
    assert seeds[1] == '1 captures, seed 1000001'


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        (('kitti', Path(), 'train'), ConfigError, "no data set 'kitti': expected one of sim, mm5"),
        (('sim', Path(), 'test'), ConfigError, 'expected train or val'),
        (('mm5', Path('/nowhere'), 'train'), DataError, 'there is no folder'),
    ],
)
def test_wrong_requests_are_explained(arguments, error, message):
    with pytest.raises(error, match=message):
        load_split(*arguments)


def test_a_number_of_classes_that_a_set_does_not_have_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='mm5 has 3 classes, not 13'):
        load_split('mm5', tiny_datasets.mm5(tmp_path), 'train', classes=13)


def test_files_are_read_once_while_memory_lasts(tmp_path, monkeypatch):
    reads = []
    original = MM5.read
    monkeypatch.setattr(MM5, 'read', lambda self, name: reads.append(name) or original(self, name))
    one_sample = 48 * 64 * (3 + 2 + 2 + 1)
    monkeypatch.setattr(stored, 'KEPT_BYTES', 2 * one_sample)
    dataset = MM5(tiny_datasets.mm5(tmp_path), 'train')
    for _ in range(3):
        for index in range(len(dataset)):
            assert dataset[index].name == str(index)
    assert sorted(reads) == ['0', '1', '2', '2', '2']
