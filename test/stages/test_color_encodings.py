# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Colours as drivers send them: red, green, blue and grey patches from an encoder of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame, RawImage, Reason, Rejection
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.encodings import YUV
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.sensors import decode

RGB, THERMAL, DEPTH = Modality
PATCHES = np.array([[(200, 30, 40), (35, 180, 60)], [(50, 40, 210), (120, 120, 120)]], np.uint8)
SIDE = 12
INSIDE = slice(3, SIDE - 3)


def scene(side: int = SIDE) -> np.ndarray:
    return np.kron(PATCHES, np.ones((side, side, 1), np.uint8))


def yuv(picture: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return Y, U and V of ITU-R BT.601 in its narrow range."""
    r, g, b = np.moveaxis(picture.astype(float) / 255, -1, 0)
    return (
        np.rint(16 + 65.481 * r + 128.553 * g + 24.966 * b).astype(np.uint8),
        np.rint(128 - 37.797 * r - 74.203 * g + 112 * b).astype(np.uint8),
        np.rint(128 + 112 * r - 93.786 * g - 18.214 * b).astype(np.uint8),
    )


def ordered(order: str) -> Callable[[np.ndarray], np.ndarray]:
    def encode(picture: np.ndarray) -> np.ndarray:
        alpha = np.full(picture.shape[:2], 255, np.uint8)
        planes = {**dict(zip('rgb', np.moveaxis(picture, -1, 0), strict=True)), 'a': alpha}
        return np.stack([planes[letter] for letter in order], axis=-1)

    return encode


def mosaic(order: str) -> Callable[[np.ndarray], np.ndarray]:
    def encode(picture: np.ndarray) -> np.ndarray:
        out = np.empty(picture.shape[:2], np.uint8)
        for at, letter in enumerate(order):
            place = (slice(at // 2, None, 2), slice(at % 2, None, 2))
            out[place] = picture[(*place, 'rgb'.index(letter))]
        return out

    return encode


def packed_422(order: str) -> Callable[[np.ndarray], np.ndarray]:
    def encode(picture: np.ndarray) -> np.ndarray:
        y, u, v = yuv(picture)
        parts = {'y': [y[:, ::2], y[:, 1::2]], 'u': [u[:, ::2]], 'v': [v[:, ::2]]}
        return np.stack([parts[letter].pop(0) for letter in order], axis=-1).reshape(len(y), -1)

    return encode


def planar_420(order: str) -> Callable[[np.ndarray], np.ndarray]:
    def encode(picture: np.ndarray) -> np.ndarray:
        y, u, v = yuv(picture)
        parts = {'u': u[::2, ::2], 'v': v[::2, ::2]}
        below = np.stack([parts[letter] for letter in order], axis=-1)
        return np.concatenate([y, below.reshape(len(y) // 2, -1)])

    return encode


def grey(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0]


EIGHT_BIT = {
    'rgb8': ordered('rgb'),
    'bgr8': ordered('bgr'),
    'rgba8': ordered('rgba'),
    'bgra8': ordered('bgra'),
    'mono8': grey,
    **{f'bayer_{order}8': mosaic(order) for order in ('rggb', 'bggr', 'gbrg', 'grbg')},
}
ENCODERS = {
    **EIGHT_BIT,
    '8UC1': grey,
    '8UC3': ordered('bgr'),
    '8UC4': ordered('bgra'),
    **{f'{name[:-1]}16': encode for name, encode in EIGHT_BIT.items()},
    'uyvy': packed_422('uyvy'),
    'yuv422': packed_422('uyvy'),
    'yuyv': packed_422('yuyv'),
    'yuv422_yuy2': packed_422('yuyv'),
    'nv12': planar_420('uv'),
    'nv21': planar_420('vu'),
}


def message(encoding: str, picture: np.ndarray, big: bool = False, padding: int = 0) -> RawImage:
    values = ENCODERS[encoding](picture)
    if encoding.endswith('16'):
        low = np.random.default_rng(0).integers(0, 256, values.shape)
        values = (values.astype(int) * 256 + low).astype('>u2' if big else '<u2')
    rows = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xA5)
    height, width = picture.shape[:2]
    return RawImage(RGB, 7, height, width, encoding, rows.shape[1], rows.tobytes(), big)


def decoded(raw: RawImage) -> np.ndarray:
    frame = decode(raw, InputsConfig(), 9)
    assert isinstance(frame, Frame), frame
    return frame.image


def rejected(raw: RawImage) -> Rejection:
    found = decode(raw, InputsConfig(), 9)
    assert isinstance(found, Rejection), found
    assert found.reason is Reason.FORMAT
    return found


def test_every_encoding_of_the_table_is_tried() -> None:
    assert set(ENCODERS) == set(KINDS[RGB].encodings)


@pytest.mark.parametrize('encoding', ENCODERS)
@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 6])
def test_red_green_blue_and_grey_come_back(encoding: str, big: bool, padding: int) -> None:
    image = decoded(message(encoding, scene(), big, padding))
    assert image.shape == (2 * SIDE, 2 * SIDE, 3) and image.dtype == np.uint8
    for row in range(2):
        for column in range(2):
            patch = image[row * SIDE :, column * SIDE :][INSIDE, INSIDE].reshape(-1, 3)
            expected = PATCHES[row, column]
            if ENCODERS[encoding] is grey:
                expected = np.repeat(expected[:1], 3)
            np.testing.assert_allclose(patch, np.broadcast_to(expected, patch.shape), atol=3)


@pytest.mark.parametrize('encoding', ENCODERS)
@pytest.mark.parametrize('size', [(6, 7), (7, 6), (5, 5), (2, 2), (1, 1)])
def test_any_size_is_read_or_refused_in_one_sentence(encoding: str, size: tuple[int, int]) -> None:
    height, width = size
    picture = message(encoding, scene()[:8, :8])
    raw = replace(picture, height_px=height, width_px=width, data=bytes(picture.data))
    rows = height * (3 if encoding in ('nv12', 'nv21') else 2) // 2
    raw = replace(raw, data=bytes(rows * raw.step_bytes))
    found = decode(raw, InputsConfig(), 9)
    is_odd = (width % 2 and encoding.startswith(('yu', 'uy'))) or (
        (width % 2 or height % 2) and encoding.startswith('nv')
    )
    is_small = min(size) < 3 and encoding.startswith('bayer')
    if is_odd or is_small:
        assert isinstance(found, Rejection) and found.reason is Reason.FORMAT
        assert f'size is {width} x {height} px' in found.detail
        assert ('needs an even' in found.detail) == bool(is_odd)
    else:
        assert isinstance(found, Frame)
        assert found.image.shape == (height, width, 3)


def test_an_odd_mosaic_keeps_its_colours() -> None:
    image = decoded(message('bayer_gbrg8', scene()[: SIDE - 1, : SIDE - 1]))
    np.testing.assert_array_equal(image[-1, -1], PATCHES[0, 0])


def test_a_planar_image_without_its_colours_is_truncated() -> None:
    raw = message('nv12', scene())
    cut = replace(raw, data=bytes(raw.data)[: raw.height_px * raw.step_bytes])
    found = decode(cut, InputsConfig(), 9)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.TRUNCATED and '36 rows of 24' in found.detail


def test_a_mosaic_is_read_from_png_and_refused_by_name_in_jpeg() -> None:
    values = ENCODERS['bayer_grbg8'](scene())
    text = 'compressed bayer_grbg8; {} compressed '
    png, jpeg = (cv2.imencode(suffix, values)[1].tobytes() for suffix in ('.png', '.jpg'))
    image = decoded(RawImage(RGB, 7, 0, 0, text.format('png'), 0, png))
    np.testing.assert_array_equal(image, decoded(message('bayer_grbg8', scene())))
    found = rejected(RawImage(RGB, 7, 0, 0, text.format('jpeg'), 0, jpeg))
    assert 'bayer_grbg8' in found.detail and 'JPEG' in found.detail
    made = cv2.imencode('.jpg', scene()[..., ::-1])[1].tobytes()
    developed = RawImage(RGB, 7, 0, 0, 'compressed bayer_grbg8; jpeg compressed bgr8', 0, made)
    np.testing.assert_allclose(decoded(developed)[5, 5], PATCHES[0, 0], atol=8)


def thermal(encoding: str, values: np.ndarray) -> RawImage:
    height, width = values.shape[:2]
    step = values.nbytes // height
    return RawImage(THERMAL, 7, height, width, encoding, step, values.tobytes())


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8', '8UC3'])
def test_thermal_may_be_three_equal_channels(encoding: str) -> None:
    level = np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8)
    three = np.repeat(level[..., np.newaxis], 3, axis=2)
    expected = decoded(thermal('mono8', level))
    np.testing.assert_array_equal(decoded(thermal(encoding, three)), expected)
    png = cv2.imencode('.png', three)[1].tobytes()
    packed = RawImage(THERMAL, 7, 0, 0, 'compressed bgr8; png compressed bgr8', 0, png)
    np.testing.assert_array_equal(decoded(packed), expected)
    three[28:32, 30:50] = (0, 0, 255)
    assert decoded(thermal(encoding, three)).shape == level.shape, 'a mark in the middle'


@pytest.mark.parametrize('encoding', YUV)
def test_thermal_may_be_the_video_of_a_camera(encoding: str) -> None:
    level = np.arange(16, 236, dtype=np.uint8).reshape(11, 20).repeat(2, axis=0)
    video = message(encoding, np.repeat(level[..., np.newaxis], 3, axis=2))
    frame = decoded(replace(video, modality=THERMAL))
    np.testing.assert_allclose(frame, level * 0.01, atol=0.02)
    assert (
        'false colours' in rejected(replace(message(encoding, scene()), modality=THERMAL)).detail
    )


def test_thermal_in_false_colours_is_refused() -> None:
    level = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = rejected(thermal('bgr8', cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)))
    assert 'false colours; expected equal ones' in found.detail
