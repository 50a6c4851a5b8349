# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""make-bag: folders of images in, bags out, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mm_robust_seg.cli import main
from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.bag import BagImage, BagTruth, open_bag
from mm_robust_seg.recordings.make_bag import find_images, load, START_S
from mm_robust_seg.stages.sensors import decode

RGB, THERMAL, DEPTH = Modality
NAMES = ('1', '2', '10')


def values(name: str, shape, low, high, dtype) -> np.ndarray:
    rng = np.random.default_rng([ord(letter) for letter in name])
    return rng.integers(low, high, shape).astype(dtype)


def rgb(name):
    return values(name, (24, 32, 3), 0, 255, np.uint8)


def thermal(name):
    return values(name, (12, 16), 28000, 31000, np.uint16)


def depth(name):
    return values(name, (24, 32), 500, 9000, np.uint16)


def label(name):
    return values(name, (24, 32), 0, 5, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / 'images'
    for name in NAMES:
        for part, image in (
            ('rgb', rgb(name)[..., ::-1]),
            ('thermal', thermal(name)),
            ('depth', depth(name)),
            ('label', label(name)),
        ):
            write(root / part / f'{name}.png', image)
    return root


def write(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def items_of(path):
    with open_bag(path) as bag:
        return list(bag.images())


def numbers_of(items, modality=RGB):
    """Which of NAMES the images are, by content."""
    pixels = [i.image.data for i in items if isinstance(i, BagImage) and i.image.modality is RGB]
    known = {rgb(name).tobytes(): name for name in NAMES}
    return [known[bytes(data)] for data in pixels]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_values_survive_and_stamps_are_evenly_spaced(folder, tmp_path, storage):
    out = tmp_path / 'bag'
    args = [str(folder), '--out', str(out), '--rate-hz', '10', '--storage', storage]
    assert main(['make-bag', *args]) == 0
    items = items_of(out)
    assert len(items) == 12
    for item in items:
        stamp_ns = item.stamp_ns if isinstance(item, BagTruth) else item.image.stamp_ns
        name = NAMES[(stamp_ns - START_S * 10**9) // 10**8]
        assert stamp_ns == START_S * 10**9 + NAMES.index(name) * 10**8
        if isinstance(item, BagTruth):
            np.testing.assert_array_equal(item.labels, label(name))
            continue
        frame = decode(item.image, InputsConfig(), item.time_ns)
        assert isinstance(frame, Frame)
        expected = {
            RGB: rgb(name),
            THERMAL: thermal(name) * np.float32(0.01),
            DEPTH: depth(name) / np.float32(1000),
        }
        np.testing.assert_allclose(frame.image, expected[frame.modality])


def test_names_are_in_natural_order_limited_and_repeated(folder, tmp_path):
    args = [str(folder), '--out', str(tmp_path / 'bag'), '--limit', '2', '--repeat', '2']
    assert main(['make-bag', *args]) == 0
    items = items_of(tmp_path / 'bag')
    assert numbers_of(items) == ['1', '2', '1', '2']
    stamps = [i.image.stamp_ns for i in items if isinstance(i, BagImage)]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize('text', ['10\n1\n', ' 10.png \n\n1.png'])
def test_a_list_of_names_chooses_and_orders(folder, tmp_path, text):
    (folder / 'val.txt').write_text(text)
    args = [str(folder), '--out', str(tmp_path / 'bag'), '--split', 'val.txt']
    assert main(['make-bag', *args]) == 0
    assert numbers_of(items_of(tmp_path / 'bag')) == ['10', '1']


def test_a_sensor_may_be_missing_altogether_or_at_times(folder, tmp_path):
    for path in (folder / 'depth').iterdir():
        path.unlink()
    (folder / 'depth').rmdir()
    (folder / 'thermal' / '2.png').unlink()
    out = tmp_path / 'bag'
    assert main(['make-bag', str(folder), '--out', str(out)]) == 0
    with open_bag(out) as bag:
        assert str(bag.sensors) == 'rgb+thermal'
        kinds = [i.image.modality for i in bag.images() if isinstance(i, BagImage)]
    assert kinds.count(RGB) == 3
    assert kinds.count(THERMAL) == 2


def test_the_result_is_printed_as_json(folder, tmp_path, capsys):
    args = [str(folder), '--out', str(tmp_path / 'bag'), '--json']
    assert main(['make-bag', *args]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result['messages'] == dict.fromkeys(
        ['/truth/image', '/rgb/image', '/thermal/image', '/depth/image'], 3
    )


def test_8_bit_thermal_is_written_as_it_is(tmp_path):
    image = values('a', (8, 8), 0, 255, np.uint8)
    pixels, encoding = load(write(tmp_path / 'a.png', image), THERMAL)
    assert encoding == 'mono8'
    np.testing.assert_array_equal(pixels, image)


def test_thermal_of_lossy_8_bit_files_is_taken(tmp_path):
    """Contrast-enhanced images are often JPEG; data sets to train on refuse them."""
    pixels, encoding = load(write(tmp_path / 'a.jpg', np.full((8, 8), 90, np.uint8)), THERMAL)
    assert encoding == 'mono8'
    np.testing.assert_allclose(pixels, 90, atol=2)


@pytest.mark.parametrize(
    ('part', 'image', 'message'),
    [
        (DEPTH, np.zeros((4, 4), np.uint8), 'millimetres'),
        (THERMAL, np.zeros((4, 4, 3), np.uint8), '3 channels of uint8'),
        (None, np.zeros((4, 4, 3), np.uint8), 'class ids'),
        (None, np.zeros((4, 4), np.uint16), 'class ids'),
    ],
)
def test_images_of_another_kind_are_refused(tmp_path, part, image, message):
    with pytest.raises(DataError, match=message):
        load(write(tmp_path / 'a.png', image), part)


def test_a_truncated_image_is_refused_and_no_bag_is_left(folder, tmp_path, capfd):
    (folder / 'depth' / '10.png').write_bytes(b'\x89PNG')
    out = tmp_path / 'bag'
    assert main(['make-bag', str(folder), '--out', str(out)]) == 2
    assert '10.png is missing or not an image' in capfd.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ['images']


def test_folders_without_images_are_named(tmp_path):
    (tmp_path / 'photos').mkdir()
    with pytest.raises(DataError, match=r'no images in rgb.*photos'):
        find_images(tmp_path)
    with pytest.raises(DataError, match='there is no folder'):
        find_images(tmp_path / 'nowhere')


def test_ambiguous_and_unknown_names_are_refused(folder):
    (folder / 'list.txt').write_text('1\n77\n')
    with pytest.raises(DataError, match="'77'"):
        find_images(folder, Path('list.txt'))
    (folder / 'list.txt').write_text('\n')
    with pytest.raises(DataError, match='is empty'):
        find_images(folder, Path('list.txt'))
    with pytest.raises(DataError, match='cannot be read'):
        find_images(folder, Path('other.txt'))
    write(folder / 'rgb' / '1.jpg', rgb('1'))
    with pytest.raises(DataError, match='have one name'):
        find_images(folder)


@pytest.mark.parametrize(
    'option',
    [['--rate-hz', '0'], ['--repeat', '0'], ['--limit', '0'], ['--start-s', '-1']],
)
def test_numbers_out_of_range_are_refused(folder, tmp_path, option, capsys):
    out = tmp_path / 'bag'
    assert main(['make-bag', str(folder), '--out', str(out), *option]) == 2
    assert option[0] in capsys.readouterr().err
    assert not out.exists()


def test_an_existing_bag_is_kept(folder, tmp_path, capsys):
    out = tmp_path / 'bag'
    out.mkdir()
    (out / 'notes.txt').write_text('mine')
    assert main(['make-bag', str(folder), '--out', str(out)]) == 2
    assert 'exists already' in capsys.readouterr().err
