# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The survey finds what a folder hides, and is quiet about a sound one."""

import json
import re

import cv2
import numpy as np
import pytest
import tiny_datasets
from tiny_datasets import own, ramp, write

from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.datasets.survey import lines, survey
from mm_robust_seg.modality import COMPLETE, Modality


@pytest.fixture
def folder(tmp_path):
    return own(tmp_path, count=10)


def surveyed(folder, kind='folder', progress=None):
    splits = {name: load_split(kind, folder, name) for name in ('train', 'val')}
    return survey(splits, progress)


def test_a_sound_data_set_has_no_problems_and_its_facts(folder):
    found = surveyed(folder)
    train = found.splits['train']
    assert (found.problems, found.remarks) == ((), ())
    assert (found.modalities, found.class_names) == (COMPLETE, ('road', 'car', 'person'))
    assert (len(train.names), dict(train.sizes)) == (8, {(48, 64): 8})
    thermal = train.images[Modality.THERMAL]
    assert (thermal.low, thermal.high) == pytest.approx((280, 310), abs=2)
    assert train.unlabeled_share == 0


def test_all_pixels_of_the_labels_are_counted(folder):
    train = surveyed(folder).splits['train']
    objects = 20 * 28
    expected = [8 * (48 * 64 - objects), 4 * objects, 4 * objects]
    assert list(train.class_pixels) == expected


def fill(folder, part, image, names=range(10)):
    for name in names:
        write(folder / f'{part}/{name}.png', image)


def thermal_without_unit(folder):
    fill(folder, 'thermal', ramp(np.uint16, 280, 310))


def thermal_in_celsius(folder):
    (folder / 'dataset.json').write_text(json.dumps({'thermal_scale_k': 0.001}))


def depth_in_wrong_unit(folder):
    (folder / 'dataset.json').write_text(json.dumps({'depth_scale_m': 1}))


def one_class(folder):
    fill(folder, 'labels', np.zeros((48, 64), np.uint8))


def leak(folder):
    (folder / 'train.txt').write_text('0\n1\n2\n')
    (folder / 'val.txt').write_text('2\n3\n')


PROBLEMS = {
    thermal_without_unit: r'train: thermal is typically 2\.9\d K, expected 200 to 500: the unit',
    thermal_in_celsius: r'val: thermal is typically 29\.\d+ K',
    depth_in_wrong_unit: r'train: depth is typically 14\d\d m, expected 0 to 100',
    one_class: 'train: the labels have fewer than two classes',
    leak: 'train and val share 2: scores would be too good',
}


@pytest.mark.parametrize('break_it', PROBLEMS, ids=lambda f: f.__name__)
def test_what_spoils_training_is_a_problem(folder, break_it):
    break_it(folder)
    problems = '\n'.join(surveyed(folder).problems)
    assert re.search(PROBLEMS[break_it], problems), problems


def test_labels_that_are_masks_of_0_and_255_are_named(folder):
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 20:40] = 255
    fill(folder, 'labels', mask)
    problems = surveyed(folder).problems
    assert any('train: ' in line and '0 and 255 alone, as a mask has' in line for line in problems)
    fill(folder, 'labels', np.zeros((48, 64), np.uint8))
    assert not any('as a mask has' in line for line in surveyed(folder).problems)


def test_all_images_of_a_sensor_empty_is_a_problem(folder):
    fill(folder, 'depth', np.zeros((48, 64), np.uint16))
    assert surveyed(folder).problems == (
        'train: every depth image is empty or constant',
        'val: every depth image is empty or constant',
    )


def test_samples_that_cannot_be_read_are_listed_and_the_rest_is_surveyed(folder):
    write(folder / 'labels/1.png', np.full((48, 64), 9, np.uint8))
    (folder / 'rgb/3.png').write_bytes(b'')
    found = surveyed(folder)
    assert len(found.problems) == 2
    assert 'train: ' in found.problems[0]
    assert 'labels/1.png has label 9' in found.problems[0]
    assert 'rgb/3.png is missing or not an image' in found.problems[1]
    assert len(found.splits['train'].names) == 6


def test_many_unreadable_samples_are_counted(folder):
    for number in range(1, 8):
        (folder / f'rgb/{number}.png').write_bytes(b'')
    problems = surveyed(folder).problems
    assert len(problems) == 6
    assert problems[-1] == 'train: 2 more samples cannot be read'


def test_a_split_without_a_readable_sample_is_a_problem(tmp_path):
    folder = tiny_datasets.mfnet(tmp_path)
    (folder / 'labels/00002D.png').write_bytes(b'')
    assert surveyed(folder, 'mfnet').problems[-1] == 'val: no sample can be used'


def gap(folder):
    fill(folder, 'depth', np.where(np.arange(64) < 40, 0, ramp(np.uint16, 600, 2400)))


def hot_corner(folder):
    image = ramp(np.uint16, 28000, 31000)
    image[:8] = 60000
    fill(folder, 'thermal', image, [4])


def two_sizes(folder):
    for part in ('rgb', 'thermal', 'depth', 'labels'):
        path = str(folder / part / '5.png')
        cv2.imwrite(path, cv2.imread(path, cv2.IMREAD_UNCHANGED)[:40])


def without_person(folder):
    for number in (1, 3, 5, 7):
        write(folder / f'labels/{number}.png', tiny_datasets.labels_of(0, 3))


REMARKS = {
    gap: [
        'train: 62% of all depth pixels are invalid',
        'val: 62% of all depth pixels are invalid',
    ],
    hot_corner: ['train: thermal is outside 200 to 500 K in 4'],
    two_sizes: ['train: images have 2 sizes in px: 64 x 48 (7), 64 x 40 (1)'],
    without_person: [
        'train: never present, so not learned: person',
        'val: 9.1% of the labelled pixels are of person, not in train',
    ],
}


@pytest.mark.parametrize('change', REMARKS, ids=lambda f: f.__name__)
def test_what_may_surprise_is_a_remark(folder, change):
    change(folder)
    found = surveyed(folder)
    assert found.problems == ()
    assert list(found.remarks) == REMARKS[change]


def test_constant_and_blank_samples_are_named(folder):
    fill(folder, 'rgb', np.full((48, 64, 3), 7, np.uint8), [2])
    fill(folder, 'labels', np.full((48, 64), 255, np.uint8), range(7))
    assert set(surveyed(folder).remarks) >= {
        'train: rgb is constant in 2',
        'train: no labelled pixel in 0, 1, 2, 3, 4 and 2 more',
    }


def test_progress_reaches_the_end_of_every_split(folder):
    (folder / 'rgb/9.png').write_bytes(b'')
    steps = []
    surveyed(folder, progress=lambda *step: steps.append(step))
    assert steps[0] == ('train', 1, 8)
    assert [step for step in steps if step[1] == step[2]] == [('train', 8, 8), ('val', 2, 2)]


def test_lines_say_units_and_findings(folder):
    leak(folder)
    text = lines(surveyed(folder))
    assert text[0] == 'rgb+thermal+depth, 3 classes'
    assert 'train: 3 samples of 64 x 48 px, 0.0% of the pixels unlabeled' in text
    assert any(line.startswith('train: thermal 280 to 3') and line.endswith('K') for line in text)
    assert text[-1] == 'problem: train and val share 2: scores would be too good'


@pytest.mark.parametrize('kind', ['mm5', 'nyuv2', 'mfnet', 'pst900'])
def test_the_layouts_of_others_have_no_problems(tmp_path, kind):
    folder = getattr(tiny_datasets, kind)(tmp_path)
    assert surveyed(folder, kind).problems == ()
