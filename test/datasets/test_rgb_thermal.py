# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""MFNet and PST900: their layouts, and thermal images without a unit."""

import json

import cv2
import numpy as np
import pytest
from tiny_datasets import mfnet, pst900, ramp, write

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.datasets.mfnet import MFNet
from mm_robust_seg.datasets.pst900 import PST900
from mm_robust_seg.datasets.units import PSEUDO_KELVIN
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import with_values
from mm_robust_seg.stages.sensors import decode

RGB_THERMAL = ModalitySet.parse('rgb+thermal')


def test_mfnet_splits_its_four_channels(tmp_path):
    dataset = MFNet(mfnet(tmp_path), 'train')
    sample = dataset[1]
    assert (dataset.modalities, set(sample.images)) == (RGB_THERMAL, set(RGB_THERMAL))
    assert (len(dataset.classes), dataset.classes[2].name) == (9, 'person')
    assert sample.images[Modality.RGB][12, 20, 0] == 220
    assert sample.images[Modality.THERMAL][0, [0, -1]] == pytest.approx([280.0, 320.8])
    assert '0.16 K' in dataset.provenance['thermal']
    assert len(MFNet(tmp_path, 'test')) == 1


def test_a_robot_set_to_the_documented_numbers_sees_the_same_temperatures(tmp_path):
    dataset = MFNet(mfnet(tmp_path), 'val')
    stored = cv2.imread(str(tmp_path / 'images/00002D.png'), cv2.IMREAD_UNCHANGED)[..., 3]
    settings = with_values(
        Config(),
        {
            'inputs.thermal.scale_k': PSEUDO_KELVIN['thermal_scale_k'],
            'inputs.thermal.offset_k': PSEUDO_KELVIN['thermal_offset_k'],
        },
    )
    height, width = stored.shape
    raw = RawImage(Modality.THERMAL, 0, height, width, 'mono8', width, stored.tobytes())
    frame = decode(raw, settings.inputs, 0)
    assert np.array_equal(frame.image, dataset[0].images[Modality.THERMAL])


def test_mfnet_refuses_three_channels(tmp_path):
    folder = mfnet(tmp_path)
    write(folder / 'images/00000D.png', np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(DataError, match=r'00000D\.png has 3 channels of uint8: expected RGB and'):
        MFNet(folder, 'train')[0]


def test_pst900_has_depth_where_the_folder_is_there(tmp_path):
    dataset = PST900(pst900(tmp_path), 'train')
    sample = dataset[0]
    assert (dataset.modalities, len(dataset), len(dataset.classes)) == (COMPLETE, 2, 5)
    assert sample.images[Modality.DEPTH][0, [0, -1]] == pytest.approx([1.0, 10.0])
    assert sample.images[Modality.THERMAL][0, [0, -1]] == pytest.approx([280.0, 312.0])


def test_pst900_without_depth_and_its_published_test_as_val(tmp_path):
    dataset = PST900(pst900(tmp_path, depth=False), 'val')
    assert (dataset.modalities, dataset.names) == (RGB_THERMAL, ('2',))
    assert dataset.provenance['split'] == 'val (published test), 1'


def test_pst900_reads_raw_counts_whose_unit_is_stated(tmp_path):
    folder = pst900(tmp_path)
    (folder / 'dataset.json').write_text(
        json.dumps({'thermal_scale_k': 0.01, 'thermal_offset_k': 73.15})
    )
    sample = PST900(folder, 'train')[0]
    assert sample.images[Modality.THERMAL][0, [0, -1]] == pytest.approx([273.15, 323.15])


@pytest.mark.parametrize(
    ('break_it', 'message'),
    [
        (lambda f: (f / 'train/labels').rename(f / 'train/truth'), 'expected the PST900 layout'),
        (lambda f: (f / 'train/thermal/1.png').unlink(), r'thermal/1\.png is missing: .*_raw'),
        (
            lambda f: write(f / 'train/thermal/0.png', ramp(np.uint16, 0, 9)),
            r'thermal/0\.png has 1 channel of uint16: .* uint8',
        ),
    ],
)
def test_another_folder_is_explained(tmp_path, break_it, message):
    folder = pst900(tmp_path)
    break_it(folder)
    with pytest.raises(DataError, match=message):
        PST900(folder, 'train')[0]


def test_pst900_has_no_third_split(tmp_path):
    with pytest.raises(DataError, match="no split 'night'"):
        PST900(pst900(tmp_path), 'night')
