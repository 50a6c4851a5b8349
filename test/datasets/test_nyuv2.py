# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""NYU Depth V2, repacked and as published."""

import json
import os
import sys

import numpy as np
import pytest
from tiny_datasets import nyuv2

from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.datasets.nyuv2 import MAP_40_TO_13, NAMES_13, NAMES_40, NYUv2
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.modality import Modality, ModalitySet

RGB_DEPTH = ModalitySet.parse('rgb+depth')


@pytest.fixture
def folder(tmp_path):
    return nyuv2(tmp_path)


def test_the_forty_classes_start_at_zero_and_void_is_unlabeled(folder):
    dataset = NYUv2(folder, 'train')
    sample = dataset[1]
    assert (dataset.modalities, set(sample.images)) == (RGB_DEPTH, set(RGB_DEPTH))
    assert [dataset.classes[number].name for number in (0, 4, 39)] == [
        'wall',
        'chair',
        'otherprop',
    ]
    assert (sample.labels[0, 0], sample.labels[12, 20], sample.labels[-1, 0]) == (255, 3, 39)
    assert sample.images[Modality.DEPTH][0, [0, -1]] == pytest.approx([2.0, 10.0])
    assert len({c.color for c in dataset.classes}) == 40


def test_thirteen_classes_merge_the_forty(folder):
    dataset = load_split('nyuv2', folder, 'val', classes=13)
    labels = dataset[0].labels
    assert [c.name for c in dataset.classes] == list(NAMES_13)
    assert NAMES_40[6] == 'table'
    assert dataset.classes[labels[12, 20]].name == 'table'
    assert dataset.classes[labels[-1, 0]].name == 'objects'
    assert labels[0, 0] == 255


def test_every_class_of_the_forty_goes_to_a_plausible_one_of_the_thirteen():
    merged = {name: NAMES_13[to - 1] for name, to in zip(NAMES_40, MAP_40_TO_13, strict=True)}
    same = set(NAMES_13) & set(NAMES_40)
    assert {name: merged[name] for name in same} == {name: name for name in same}
    assert merged['television'] == 'tv'
    assert set(merged.values()) == set(NAMES_13)


def test_other_numbers_of_classes_are_refused(folder):
    with pytest.raises(ConfigError, match='expected 40 or 13'):
        load_split('nyuv2', folder, 'train', classes=37)


@pytest.mark.parametrize(
    ('break_it', 'message'),
    [
        (lambda f: (f / 'classes.json').unlink(), 'expected the repacked NYU Depth V2'),
        (lambda f: (f / 'classes.json').write_text('["wall"]'), 'not the class list'),
        (
            lambda f: (f / 'classes.json').write_text(
                json.dumps({'names40': ['void', *NAMES_40[::-1]], 'map40to13': [0, *MAP_40_TO_13]})
            ),
            'other classes',
        ),
        (lambda f: (f / 'label40/0002.png').unlink(), r'label40/0002\.png is missing'),
    ],
)
def test_another_folder_is_explained(folder, break_it, message):
    break_it(folder)
    with pytest.raises(DataError, match=message):
        NYUv2(folder, 'train')


def test_an_id_beyond_forty_is_named(folder):
    from tiny_datasets import write

    write(folder / 'label40/0002.png', np.full((48, 64), 41, np.uint8))
    with pytest.raises(DataError, match=r'label40/0002\.png has label 41'):
        NYUv2(folder, 'train')[0]


FRAMES = 3


def labelled_of(frame: int) -> np.ndarray:
    """Name 1 on the left, name ``frame`` + 1 on the right, unlabeled on top."""
    labels = np.ones((48, 64), np.uint16)
    labels[:, 32:], labels[:8] = frame + 1, 0
    return labels


@pytest.fixture
def original(tmp_path):
    h5py = pytest.importorskip('h5py', reason='needs h5py')
    matlab = pytest.importorskip('scipy.io', reason='needs SciPy')
    with h5py.File(tmp_path / 'nyu_depth_v2_labeled.mat', 'w') as file:
        rgb = np.zeros((FRAMES, 48, 64, 3), np.uint8)
        rgb[:, :, 40:, 0] = 200
        depth = np.tile(np.linspace(1, 9, 64, dtype=np.float32), (FRAMES, 48, 1))
        labels = np.stack([labelled_of(frame) for frame in range(FRAMES)])
        file['images'] = rgb.transpose(0, 3, 2, 1)
        file['depths'] = depth.transpose(0, 2, 1)
        file['labels'] = labels.transpose(0, 2, 1)
    splits = {'trainNdxs': np.array([[1], [3]]), 'testNdxs': np.array([[2]])}
    matlab.savemat(tmp_path / 'splits.mat', splits)
    mapping = np.full((1, 894), 40, np.uint8)
    mapping[0, :3] = 3, 22, 5
    matlab.savemat(tmp_path / 'classMapping40.mat', {'mapClass': mapping})
    return tmp_path


def test_the_original_file_is_read_upright_with_its_own_splits(original):
    train, val = (load_split('nyuv2', original, split) for split in ('train', 'val'))
    assert (train.names, val.names) == (('0001', '0003'), ('0002',))
    sample = val[0]
    assert sample.images[Modality.RGB].shape == (48, 64, 3)
    assert sample.images[Modality.RGB][:, 40:, 0].min() == 200
    assert sample.images[Modality.RGB][..., 1:].max() == 0
    assert sample.images[Modality.DEPTH][5, [0, -1]] == pytest.approx([1, 9])
    assert np.array_equal(np.unique(sample.labels[:8]), [255])
    assert {train.classes[n].name for n in np.unique(train[1].labels[8:])} == {'cabinet', 'chair'}
    assert {val.classes[n].name for n in np.unique(sample.labels[8:])} == {'cabinet', 'ceiling'}


def test_the_original_file_in_thirteen_classes(original):
    dataset = load_split('nyuv2', original, 'val', classes=13)
    found = {dataset.classes[n].name for n in np.unique(dataset[0].labels[8:])}
    assert found == {'furniture', 'ceiling'}


@pytest.mark.parametrize(
    ('break_it', 'message'),
    [
        (lambda f: (f / 'splits.mat').unlink(), r'splits\.mat is missing: expected it beside'),
        (lambda f: (f / 'classMapping40.mat').unlink(), r'classMapping40\.mat is missing'),
        (lambda f: (f / 'splits.mat').write_bytes(b'no' * 100), r'splits\.mat cannot be read'),
        (
            lambda f: (f / 'nyu_depth_v2_labeled.mat').write_bytes(b'no'),
            'not the labelled NYU Depth V2',
        ),
    ],
)
def test_what_is_missing_beside_the_original_is_named(original, break_it, message):
    break_it(original)
    with pytest.raises(DataError, match=message):
        load_split('nyuv2', original, 'train')


def damaged_zlib(path):
    import scipy.io

    scipy.io.savemat(path, {'trainNdxs': np.arange(1, 900)}, do_compression=True)
    data = bytearray(path.read_bytes())
    data[160:200] = bytes(40)
    path.write_bytes(data)


MATLAB = {
    'objects': {'trainNdxs': np.array([{'a': 1}, [1, 2]], object)},
    'text': {'trainNdxs': 'one'},
    'struct': {'trainNdxs': {'a': 1}},
    'bomb': {'trainNdxs': np.zeros((4000, 4000))},
    'other name': {'testNdxs': np.array([[1]])},
}


@pytest.mark.parametrize('kind', [*MATLAB, 'zlib', 'huge', 'fifo'])
def test_a_matlab_file_of_anything_else_is_refused(original, kind):
    import scipy.io

    path = original / 'splits.mat'
    path.unlink()
    if kind == 'zlib':
        damaged_zlib(path)
    elif kind == 'huge':
        path.touch()
        os.truncate(path, 1 << 40)
    elif kind == 'fifo':
        os.mkfifo(path)
    else:
        scipy.io.savemat(path, MATLAB[kind], do_compression=True)
    reason = r'splits\.mat (cannot be read|has \d+ bytes|is missing)'
    with pytest.raises(DataError, match=reason) as told:
        load_split('nyuv2', original, 'train')
    assert len(str(told.value)) < 2000


def test_frames_larger_than_any_camera_has_are_not_allocated(original):
    import h5py

    with h5py.File(original / 'nyu_depth_v2_labeled.mat', 'a') as file:
        del file['labels']
        file.create_dataset('labels', (FRAMES, 100_000, 100_000), np.uint16, chunks=(1, 99, 99))
    with pytest.raises(DataError, match=r'has labels of \(\d+, 100000, 100000\)'):
        load_split('nyuv2', original, 'train')


def test_arrays_that_are_no_numbers_are_refused(original):
    import h5py

    with h5py.File(original / 'nyu_depth_v2_labeled.mat', 'a') as file:
        del file['depths']
        file.create_dataset('depths', (FRAMES, 64, 48), h5py.string_dtype())
    with pytest.raises(DataError, match='has depths that are no numbers'):
        load_split('nyuv2', original, 'train')


def test_a_split_beyond_the_file_is_named(original):
    import scipy.io

    scipy.io.savemat(original / 'splits.mat', {'trainNdxs': np.array([[1449]])})
    with pytest.raises(DataError, match='at least 1449 frames'):
        load_split('nyuv2', original, 'train')


def test_without_h5py_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / 'nyu_depth_v2_labeled.mat').write_bytes(b'')
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(DataError, match=r'needs h5py.*pip install'):
        load_split('nyuv2', tmp_path, 'train')
