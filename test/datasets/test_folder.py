# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Folders of one's own: what may be left out, and what is said of everything that is wrong."""

import json
import os
import shutil

import cv2
from hostile import png_claiming
import numpy as np
import pytest
from tiny_datasets import colours, labels_of, own, ramp, write

from mm_robust_seg.datasets.folder import FolderSplit
from mm_robust_seg.datasets.image_folders import read_image
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality


@pytest.fixture
def folder(tmp_path):
    return own(tmp_path / 'data')


def describe(folder, **fields):
    (folder / 'dataset.json').write_text(json.dumps(fields))


def test_usual_units_are_those_of_the_robot(folder):
    dataset = FolderSplit(folder, 'train')
    sample = dataset[0]
    assert (dataset.modalities, set(sample.images)) == (COMPLETE, set(Modality))
    assert sample.images[Modality.THERMAL][0, [0, -1]] == pytest.approx([280.0, 310.0])
    assert sample.images[Modality.DEPTH][0, [0, -1]] == pytest.approx([0.6, 2.4])
    assert sample.images[Modality.RGB][12, 20, 0] == 220
    assert dataset.licence == 'not stated (data: own)'


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_any_subset_of_the_sensors_is_enough(folder, combination):
    for modality in COMPLETE - combination:
        shutil.rmtree(folder / modality.value)
    dataset = FolderSplit(folder, 'train')
    assert dataset.modalities == combination
    assert set(dataset[0].images) == set(combination)


def test_the_last_fifth_is_for_validation_without_lists(folder):
    assert FolderSplit(folder, 'train').names == ('0', '1', '2', '3')
    assert FolderSplit(folder, 'val').names == ('4',)


def test_lists_decide_where_they_are(folder):
    (folder / 'train.txt').write_text('3.png\n1\n')
    (folder / 'val.txt').write_text('0\n')
    assert FolderSplit(folder, 'train').names == ('3', '1')
    assert FolderSplit(folder, 'val').names == ('0',)


def test_stated_units_names_and_licence_are_used(folder):
    describe(
        folder, name='yard', licence='CC0', thermal_scale_k=0.04, thermal_offset_k=-1000,
        depth_scale_m=0.00025,
    )  # fmt: skip
    dataset = FolderSplit(folder, 'train')
    images = dataset[0].images
    assert images[Modality.THERMAL][0, [0, -1]] == pytest.approx([120.0, 240.0])
    assert images[Modality.DEPTH][0, -1] == pytest.approx(0.6)
    assert dataset.licence == 'CC0 (data: yard)'
    assert dataset.provenance['data'] == 'yard'


def test_a_description_may_be_yaml(folder):
    (folder / 'dataset.yaml').write_text('depth_scale_m: 0.01\ndepth_max_m: 30\n')
    assert FolderSplit(folder, 'train')[0].images[Modality.DEPTH][0, -1] == pytest.approx(24.0)


def test_suffixes_grey_and_floating_point_are_understood(tmp_path):
    folder = tmp_path / 'mixed'
    for number in range(5):
        write(folder / f'rgb/{number}.bmp', colours(labels_of(number, 3), number)[..., 2])
        write(folder / f'thermal/{number}.tiff', ramp(np.float32, 290, 300))
        write(folder / f'depth/{number}.pgm', ramp(np.uint16, 1000, 3000))
        write(folder / f'label/{number}.png', labels_of(number, 3))
    (folder / 'classes.json').write_text('[{"name": "road", "color": [1, 2, 3]}, "car", "box"]')
    dataset = FolderSplit(folder, 'val')
    images = dataset[0].images
    assert images[Modality.RGB].shape == (48, 64, 3)
    assert images[Modality.THERMAL][0, -1] == pytest.approx(300.0)
    assert images[Modality.DEPTH][0, -1] == pytest.approx(3.0)
    assert dataset.classes[0].color == (1, 2, 3)


def test_what_is_not_finite_or_not_above_zero_is_invalid(folder):
    image = ramp(np.float32, 290, 300)
    image[0, :3] = np.nan, np.inf, -5
    for number in range(5):
        cv2.imwrite(str(folder / f'thermal/{number}.tiff'), image)
        (folder / f'thermal/{number}.png').unlink()
    kelvin = FolderSplit(folder, 'val')[0].images[Modality.THERMAL]
    assert list(kelvin[0, :3]) == [0, 0, 0]
    assert kelvin[1].min() == 290


def test_eight_bit_thermal_with_a_unit_is_read(folder):
    for number in range(5):
        write(folder / f'thermal/{number}.png', ramp(np.uint8, 0, 250))
    describe(folder, thermal_scale_k=0.16, thermal_offset_k=280)
    assert FolderSplit(folder, 'val')[0].images[Modality.THERMAL][0, -1] == pytest.approx(320.0)


def jpeg_depth(folder):
    (folder / 'depth/0.png').unlink()
    write(folder / 'depth/0.jpg', ramp(np.uint8, 0, 200))
    describe(folder, depth_scale_m=0.1)


def eight_bit(part):
    def damage(folder):
        for number in range(5):
            write(folder / f'{part}/{number}.png', ramp(np.uint8, 1, 200))

    return damage


WRONG = {
    'depth of 8 bit without a unit': (
        eight_bit('depth'),
        r'depth/0\.png has 8 bit and no unit: .* state depth_scale_m in .*dataset\.json',
    ),
    'thermal of 8 bit without a unit': (eight_bit('thermal'), r'state thermal_scale_k'),
    'one depth image turned into 8 bit': (
        lambda f: write(f / 'depth/1.png', ramp(np.uint8, 0, 99)),
        r'depth/1\.png has 1 channel of uint8: .* in uint16',
    ),
    'colours of 16 bit': (
        lambda f: write(f / 'rgb/0.png', np.zeros((48, 64, 3), np.uint16)),
        r'rgb/0\.png has 3 channels of uint16: .* in uint8',
    ),
    'thermal in false colours': (
        lambda f: write(f / 'thermal/0.png', np.zeros((48, 64, 3), np.uint8)),
        r'thermal/0\.png has 3 channels of uint8: expected one channel of temp',
    ),
    'labels in colours': (
        lambda f: write(f / 'labels/1.png', np.zeros((48, 64, 3), np.uint8)),
        r'labels/1\.png has 3 channels of uint8: expected .*neither colours nor a palette',
    ),
    'labels of 16 bit': (
        lambda f: write(f / 'labels/1.png', np.zeros((48, 64), np.uint16)),
        r'labels/1\.png has 1 channel of uint16',
    ),
    'a label without a class': (
        lambda f: write(f / 'labels/1.png', np.full((48, 64), 7, np.uint8)),
        r'labels/1\.png has label 7 in 3072 pixels: expected 0\.\.2',
    ),
    'another size': (
        lambda f: write(f / 'rgb/1.png', np.zeros((24, 32, 3), np.uint8)),
        r'rgb/1\.png is 32 x 24 px: expected the size of its labels, 64 x 48 px',
    ),
    'one thermal image missing': (
        lambda f: (f / 'thermal/2.png').unlink(),
        r'thermal/2\.\* is missing, and 0 more of 4',
    ),
    'a listed sample without labels': (
        lambda f: (f / 'train.txt').write_text('0\n9\n'),
        r'/9\.\* is missing',
    ),
    'half an image': (
        lambda f: (f / 'depth/0.png').write_bytes((f / 'depth/0.png').read_bytes()[:40]),
        r'depth/0\.png is missing or not an image',
    ),
    'a jpeg of depth': (jpeg_depth, r'depth/0\.jpg is a JPEG, which alters values'),
    'two images of one name': (
        lambda f: write(f / 'rgb/0.bmp', np.zeros((48, 64, 3), np.uint8)),
        r'0\.png and 0\.bmp have one name',
    ),
    'two folders of labels': (
        lambda f: shutil.copytree(f / 'labels', f / 'label'),
        'has labels and label: expected one of them',
    ),
    'no labels': (
        lambda f: shutil.rmtree(f / 'labels'),
        'lacks labels or sensors, it has classes',
    ),
    'no sensors': (
        lambda f: [shutil.rmtree(f / m.value) for m in Modality],
        'lacks labels or sensors',
    ),
    'no class list': (lambda f: (f / 'classes.json').unlink(), r'classes\.json cannot be read'),
    'a class list of numbers': (
        lambda f: (f / 'classes.json').write_text('[1, 2]'),
        'is not a class list',
    ),
    'a class list of one word': (
        lambda f: (f / 'classes.json').write_text('"road"'),
        'it holds str',
    ),
    'a colour beyond 255': (
        lambda f: (f / 'classes.json').write_text('[{"name": "a", "color": [0, 0, 300]}]'),
        'colour of a is outside',
    ),
    'one list of two': (
        lambda f: (f / 'val.txt').write_text('0\n'),
        r'train\.txt cannot be read .*: expected train\.txt beside val\.txt',
    ),
    'an unknown field': (
        lambda f: describe(f, depth_scale=1),
        r"dataset\.json: unknown parameter 'depth_scale'; did you mean depth_scale_m\?",
    ),
    'a scale of zero': (
        lambda f: describe(f, thermal_scale_k=0),
        'thermal_scale_k is 0: expected',
    ),
    'a scale in words': (lambda f: describe(f, thermal_scale_k='0.1'), "thermal_scale_k is '0.1'"),
    'a description that is no JSON': (
        lambda f: (f / 'dataset.json').write_text('{'),
        r'dataset\.json cannot be read as a description of the data set: ',
    ),
    'two descriptions': (
        lambda f: [(f / n).write_text('{}') for n in ('dataset.json', 'dataset.yaml')],
        'expected one of them',
    ),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_what_is_wrong_is_said_with_the_file(folder, wrong):
    break_it, message = WRONG[wrong]
    break_it(folder)
    with pytest.raises(DataError, match=message):
        list(map(FolderSplit(folder, 'train').__getitem__, range(2)))


def test_too_few_samples_to_split_ask_for_lists(tmp_path):
    with pytest.raises(DataError, match='at least 5, or the lists'):
        FolderSplit(own(tmp_path, count=4), 'val')


def test_another_split_needs_its_list(folder):
    with pytest.raises(DataError, match=r'night\.txt is missing'):
        FolderSplit(folder, 'night')


def test_a_palette_of_class_ids_is_not_mistaken_for_ids(folder):
    """OpenCV expands a palette to colours, so that ids would be lost without a word."""
    from struct import pack
    import zlib

    def chunk(kind, data):
        return pack('>I', len(data)) + kind + data + pack('>I', zlib.crc32(kind + data))

    rows = b''.join(b'\x00' + bytes(row) for row in labels_of(0, 3).tolist())
    png = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', pack('>IIBBBBB', 64, 48, 8, 3, 0, 0, 0))
    png += chunk(b'PLTE', bytes(range(9))) + chunk(b'IDAT', zlib.compress(rows))
    (folder / 'labels/0.png').write_bytes(png + chunk(b'IEND', b''))
    assert cv2.imread(str(folder / 'labels/0.png'), cv2.IMREAD_UNCHANGED).ndim == 3
    with pytest.raises(DataError, match='nor a palette'):
        FolderSplit(folder, 'train')[0]


@pytest.mark.parametrize('kind', ['huge', 'fifo', 'loop', 'folder'])
def test_what_is_no_image_that_fits_is_refused_and_not_waited_for(folder, kind):
    path = min((folder / 'rgb').iterdir())
    path.unlink()
    if kind == 'huge':
        path.write_bytes(png_claiming(60_000, 60_000))
    elif kind == 'fifo':
        os.mkfifo(path)
    elif kind == 'loop':
        path.symlink_to(path.name)
    else:
        path.mkdir()
    reason = 'more pixels than OpenCV may unpack' if kind == 'huge' else 'not an image'
    with pytest.raises(DataError, match=rf'{path.name} (has {reason}|is missing or {reason})'):
        read_image(path, Modality.RGB, np.uint8)
