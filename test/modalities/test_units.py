# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One conversion: a robot, a data set, a recording and a simulation see the same images."""

from __future__ import annotations

import json
from pathlib import Path
import tempfile

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
import pytest

from mm_robust_seg.config import Config, InputsConfig
from mm_robust_seg.dataflow import Frame, RawImage
from mm_robust_seg.datasets.folder import FolderSplit
from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.datasets.simulated import Simulated
from mm_robust_seg.datasets.units import units_of
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.bag import BagImage, open_bag
from mm_robust_seg.recordings.make_bag import find_images, load
from mm_robust_seg.recordings.topics import TOPICS
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.schema import with_values
from mm_robust_seg.simulation import sample_captures
from mm_robust_seg.stages.sensors import decode

RGB, THERMAL, DEPTH = Modality
STORED = [(m, dtype) for m in Modality for dtype in KINDS[m].file_encodings]
SHAPE = (4, 5)


def robot(modality: Modality, encoding: str, stored: np.ndarray, inputs: InputsConfig):
    data = np.ascontiguousarray(stored)
    step = data.nbytes // stored.shape[0]
    raw = RawImage(modality, 0, *stored.shape[:2], encoding, step, data.tobytes())
    frame = decode(raw, inputs, 0)
    assert isinstance(frame, Frame), frame
    return frame.image


def write_folder(folder: Path, modality: Modality, stored: np.ndarray, **units: float) -> None:
    suffix = 'tiff' if stored.dtype == np.float32 else 'png'
    for part, image in ((modality.value, stored), ('labels', np.zeros(SHAPE, np.uint8))):
        (folder / part).mkdir()
        bgr = image[..., ::-1] if image.ndim == 3 else image
        name = f'0.{suffix if part != "labels" else "png"}'
        assert cv2.imwrite(str(folder / part / name), bgr)
    (folder / 'classes.json').write_text('["road"]')
    (folder / 'train.txt').write_text('0\n')
    (folder / 'dataset.json').write_text(json.dumps(units))


def replayed(folder: Path, modality: Modality, inputs: InputsConfig) -> np.ndarray:
    images = find_images(folder)
    with BagWriter(folder / 'bag') as bag:
        pixels, encoding = load(images.files[modality]['0'], modality)
        bag.write(TOPICS[modality], pixels, encoding, 1, 'camera')
    with open_bag(folder / 'bag') as recorded:
        (item,) = recorded.images()
    assert isinstance(item, BagImage)
    frame = decode(item.image, inputs, item.time_ns)
    assert isinstance(frame, Frame), frame
    return frame.image


def values(modality: Modality, dtype: str) -> st.SearchStrategy[np.ndarray]:
    shape = (*SHAPE, 3) if KINDS[modality].is_color else SHAPE
    if dtype != 'float32':
        return arrays(dtype, shape)
    special = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1.0, 0.2, 20.0])
    return arrays(dtype, shape, elements=special | st.floats(0, 400, width=32))


@pytest.mark.parametrize(('modality', 'dtype'), STORED, ids=str)
@settings(max_examples=12, deadline=None)
@given(
    data=st.data(),
    scale_k=st.floats(1e-3, 1.0),
    offset_k=st.floats(-300.0, 300.0),
    scale_m=st.sampled_from([0.0, 0.0001, 0.001, 1.0]),
    min_m=st.floats(0.0, 5.0),
    max_m=st.floats(5.1, 100.0),
)
def test_no_way_from_stored_values_to_an_image_differs(
    modality, dtype, data, scale_k, offset_k, scale_m, min_m, max_m
):
    stored = data.draw(values(modality, dtype))
    stated = {
        'thermal_scale_k': scale_k,
        'thermal_offset_k': offset_k,
        'depth_scale_m': scale_m,
        'depth_min_m': min_m,
        'depth_max_m': max_m,
    }
    settings = {f'inputs.{name.replace("_", ".", 1)}': value for name, value in stated.items()}
    inputs = with_values(Config(), settings).inputs
    expected = robot(modality, KINDS[modality].file_encodings[dtype], stored, inputs)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_folder(folder, modality, stored, **stated)
        sample = FolderSplit(folder, 'train')[0].images[modality]
        np.testing.assert_array_equal(sample, expected)
        np.testing.assert_array_equal(replayed(folder, modality, inputs), expected)
    assert expected.dtype == KINDS[modality].layout[0]


@pytest.mark.parametrize('dtype', KINDS[THERMAL].file_encodings)
@settings(max_examples=12, deadline=None)
@given(data=st.data(), scale_k=st.floats(1e-3, 1.0))
def test_relative_images_are_the_same_by_every_way(dtype, data, scale_k):
    stored = data.draw(values(THERMAL, dtype))
    chosen = {'inputs.thermal.kind': 'relative', 'inputs.thermal.scale_k': scale_k}
    inputs = with_values(Config(), chosen).inputs
    expected = robot(THERMAL, KINDS[THERMAL].file_encodings[dtype], stored, inputs)
    np.testing.assert_array_equal(inputs.thermal.units.image(stored), expected)
    with tempfile.TemporaryDirectory() as place:
        write_folder(Path(place), THERMAL, stored)
        np.testing.assert_array_equal(replayed(Path(place), THERMAL, inputs), expected)
    assert np.isfinite(expected).all() and (expected >= 0).all()


def test_the_simulation_as_a_data_set_is_what_a_robot_sees_of_its_cameras():
    (sample,) = Simulated(1, 3, 64, 48)
    (capture,) = sample_captures(1, 3, 64, 48)
    for modality in Modality:
        stored = capture[modality]
        encoding = KINDS[modality].file_encodings[stored.dtype.name]
        expected = robot(modality, encoding, stored, InputsConfig())
        np.testing.assert_array_equal(sample.images[modality], expected)


def test_depth_out_of_range_is_invalid_everywhere():
    millimetres = np.array([[100, 1000, 19000, 25000]], np.uint16)
    expected = np.array([[0, 1, 19, 0]], np.float32)
    np.testing.assert_array_equal(units_of({})[DEPTH].image(millimetres), expected)
    np.testing.assert_array_equal(robot(DEPTH, '16UC1', millimetres, InputsConfig()), expected)


def test_usual_units_are_the_defaults_of_a_robot():
    assert units_of({}) == {modality: InputsConfig()[modality].units for modality in Modality}


def test_units_without_limits_keep_every_distance():
    units = units_of({})[DEPTH].unlimited()
    millimetres = np.array([[0, 1, 65535]], np.uint16)
    np.testing.assert_allclose(units.image(millimetres), [[0, 0.001, 65.535]], 1e-6)
    metres = np.array([[np.nan, np.inf, -1, 1e6]], np.float32)
    np.testing.assert_array_equal(units.image(metres), np.array([[0, 0, 0, 1e6]], np.float32))


@pytest.mark.parametrize(('stated', 'farthest_m'), [({}, 40.0), ({'depth_max_m': 30.0}, 30.0)])
def test_a_data_set_reaches_as_far_as_the_network_unless_its_owner_says_otherwise(
    tmp_path, stated, farthest_m
):
    millimetres = np.array([[29000, 30000, 31000, 40000, 41000]] * 4, np.uint16)
    write_folder(tmp_path, DEPTH, millimetres, **stated)
    numbers = {'mean_m': 8.0, 'std_m': 6.0, 'near_m': 2.0, 'max_m': 40.0}
    spec = InputSpec(48, 64, {DEPTH: KINDS[DEPTH].normalization(**numbers)})
    dataset = load_split('folder', tmp_path, 'train', inputs=spec)
    assert dataset[0].images[DEPTH].max() == farthest_m
    assert dataset.unlimited(0).images[DEPTH].max() == 41.0


def test_a_range_that_is_none_is_refused():
    with pytest.raises(ConfigError, match='min_m 5 to max_m 2 is no range'):
        units_of({'depth_min_m': 5.0, 'depth_max_m': 2.0})
