# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg inspect``: report, picture and exit code."""

import json

import cv2
import numpy as np
import pytest
from tiny_datasets import mfnet, own

from mm_robust_seg import cli


@pytest.fixture
def folder(tmp_path):
    return own(tmp_path / 'yard', count=10)


def test_a_sound_folder_is_reported_and_drawn(folder, tmp_path, capsys):
    sheet = tmp_path / 'sheet.png'
    assert cli.main(['inspect', 'folder', str(folder), '--sheet', str(sheet)]) == 0
    text = capsys.readouterr().out
    assert 'folder yard, licence: not stated (data: own)' in text
    assert 'train: depth 0.6 to 2.314 m' in text
    assert '1 car' in text
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] == 4 * (320 + 4) + 4


def test_labels_are_laid_over_the_first_sensor(folder, tmp_path):
    sheet = tmp_path / 'sheet.png'
    cli.main(['inspect', 'folder', str(folder), '--split', 'val', '--sheet', str(sheet)])
    picture = cv2.imread(str(sheet))[..., ::-1].astype(int)
    left, top = 4 + 3 * 324, 4
    plain, labelled = picture[top + 100, 4 + 120], picture[top + 100, left + 120]
    assert np.abs(plain - [220, 30, 30]).max() < 40
    assert np.abs(plain - labelled).max() > 40


def test_json_has_the_facts(folder, tmp_path, capsys):
    sheet = str(tmp_path / 'sheet.png')
    assert cli.main(['inspect', 'folder', str(folder), '--json', '--sheet', sheet]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['splits']['train']['samples'] == 8
    assert facts['splits']['train']['sizes'] == [{'width_px': 64, 'height_px': 48, 'samples': 8}]
    assert set(facts['splits']['val']['class_pixels']) == {'road', 'car', 'person'}
    assert (facts['problems'], facts['sheet']) == ([], sheet)


def test_problems_are_shown_and_give_2(folder, tmp_path, capsys):
    (folder / 'rgb/1.png').write_bytes(b'')
    sheet = str(tmp_path / 'sheet.png')
    assert cli.main(['inspect', 'folder', str(folder), '--sheet', sheet]) == 2
    assert 'problem: train: ' in capsys.readouterr().out


def test_splits_are_chosen(tmp_path, capsys):
    folder = mfnet(tmp_path)
    sheet = str(tmp_path / 'sheet.png')
    arguments = ['--split', 'val', '--split', 'test', '--sheet', sheet, '--json']
    assert cli.main(['inspect', 'mfnet', str(folder), *arguments]) == 0
    assert list(json.loads(capsys.readouterr().out)['splits']) == ['val', 'test']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['mm5'], 'mm5 is read from a folder'),
        (['sim', '--samples', '0'], '--samples is 0'),
        (['mm5', '{here}/nothing'], 'there is no folder'),
        (['nyuv2', '{here}'], 'expected the repacked NYU Depth V2'),
        (['mfnet', '{here}', '--classes', '13'], 'expected the MFNet layout'),
    ],
)
def test_wrong_input_is_one_line(arguments, message, tmp_path, capsys):
    assert cli.main(['inspect', *(text.format(here=tmp_path) for text in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_the_street_needs_no_folder(tmp_path, capsys):
    sheet = str(tmp_path / 'sheet.png')
    assert cli.main(['inspect', 'sim', '--samples', '2', '--sheet', sheet]) == 0
    assert 'simulated street' in capsys.readouterr().out
