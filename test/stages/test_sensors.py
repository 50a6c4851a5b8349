# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Decoding: every encoding there and back, and everything a broken driver may send."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any
import zlib

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame, RawImage, Reason, Rejection
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.depth import DepthInputConfig
from mm_robust_seg.modalities.encodings import PIXEL_TYPES
from mm_robust_seg.modalities.rgb import RgbInputConfig
from mm_robust_seg.modalities.thermal import ThermalInputConfig
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.sensors import decode

RGB, THERMAL, DEPTH = Modality
INPUTS = InputsConfig()
DTYPES = {'mono16': 'u2', '16UC1': 'u2', '32FC1': 'f4'}
ONE_VALUE = [name for name, (_, channels) in PIXEL_TYPES.items() if channels == 1]
CHANNELS = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4}
PAIRS = [
    *((RGB, encoding) for encoding in (*CHANNELS, 'mono8')),
    *((m, e) for m in (THERMAL, DEPTH) for e in KINDS[m].encodings if e in ONE_VALUE),
]


def encode(
    modality: Modality, encoding: str, values: np.ndarray, padding: int = 0, big: bool = False
) -> RawImage:
    """Lay (H, W) or (H, W, C) values out as a message."""
    dtype = np.dtype(('>' if big else '<') + DTYPES.get(encoding, 'u1'))
    height, width = values.shape[:2]
    rows = np.ascontiguousarray(values.astype(dtype)).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xA5)
    return RawImage(
        modality, 7, height, width, encoding, rows.shape[1], rows.tobytes(), big, 'camera'
    )


def decoded(raw: RawImage, inputs: InputsConfig = INPUTS) -> Frame:
    result = decode(raw, inputs, 9)
    assert isinstance(result, Frame), result
    return result


def rejected(raw: RawImage) -> Rejection:
    result = decode(raw, INPUTS, 9)
    assert isinstance(result, Rejection), result
    assert (result.modality, result.stamp_ns, result.arrival_ns) == (raw.modality, 7, 9)
    return result


def expected_image(modality: Modality, encoding: str, values: np.ndarray) -> np.ndarray:
    if modality is RGB:
        if encoding == 'mono8':
            return np.repeat(values[..., None], 3, axis=2)
        return values[..., 2::-1] if encoding.startswith('bgr') else values[..., :3]
    image = values.astype(np.float64)
    if modality is THERMAL:
        return image if encoding == '32FC1' else image * 0.01
    metres = image if encoding == '32FC1' else image / 1000
    return np.where((metres >= 0.2) & (metres <= 20.0), metres, 0)


@pytest.mark.parametrize(('modality', 'encoding'), PAIRS)
@settings(max_examples=25)
@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    padding=st.integers(0, 9),
    big=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(
    modality: Modality, encoding: str, height: int, width: int, padding: int, big: bool, seed: int
) -> None:
    channels = CHANNELS.get(encoding)
    shape = (height, width, channels) if channels else (height, width)
    top = {'u2': 65535, 'f4': 30}.get(DTYPES.get(encoding, ''), 255)
    values = np.random.default_rng(seed).integers(0, top, shape, endpoint=True)
    frame = decoded(encode(modality, encoding, values, padding, big))
    expected = expected_image(modality, encoding, values)
    np.testing.assert_allclose(frame.image, expected, rtol=1e-6)
    assert (frame.stamp_ns, frame.arrival_ns, frame.frame_id) == (7, 9, 'camera')
    assert not frame.image.flags.writeable


def test_the_range_of_depth_includes_its_ends() -> None:
    values = np.array([[199, 200, 20000, 20001]])
    image = decoded(encode(DEPTH, '16UC1', values)).image
    np.testing.assert_array_equal(image, np.array([[0, 0.2, 20, 0]], np.float32))


@pytest.mark.parametrize('modality', [THERMAL, DEPTH])
def test_what_is_not_a_finite_positive_number_is_invalid(modality: Modality) -> None:
    values = np.array([[np.nan, np.inf, -np.inf, -1.0, 0.0, 5.0]])
    image = decoded(encode(modality, '32FC1', values)).image
    np.testing.assert_array_equal(image, [[0, 0, 0, 0, 0, 5]])


def test_the_scale_is_of_integers_and_the_offset_of_both() -> None:
    inputs = InputsConfig(thermal=ThermalInputConfig(scale_k=0.1, offset_k=200.0))
    counts = decoded(encode(THERMAL, 'mono8', np.array([[0, 100]])), inputs)
    np.testing.assert_allclose(counts.image, [[200, 210]])
    inputs = InputsConfig(thermal=ThermalInputConfig(offset_k=273.15))
    celsius = decoded(encode(THERMAL, '32FC1', np.array([[-10.0, 20.0, -300.0]])), inputs)
    np.testing.assert_allclose(celsius.image, [[263.15, 293.15, 0]])


def test_a_step_of_depth_is_that_of_the_encoding_unless_it_is_given() -> None:
    integers, metres = np.array([[1000, 2000]]), np.array([[1.0, 2.0]])
    given = InputsConfig(depth=DepthInputConfig(scale_m=0.0001))
    np.testing.assert_allclose(decoded(encode(DEPTH, '16UC1', integers)).image, metres)
    np.testing.assert_allclose(decoded(encode(DEPTH, '32FC1', metres)).image, metres)
    found = decoded(encode(DEPTH, '16UC1', np.array([[10000, 20000]])), given)
    np.testing.assert_allclose(found.image, metres)
    millimetres = InputsConfig(depth=DepthInputConfig(scale_m=0.001))
    found = decoded(encode(DEPTH, '32FC1', np.array([[1000.0, np.nan]])), millimetres)
    np.testing.assert_allclose(found.image, [[1, 0]])


def test_an_absurd_scale_gives_invalid_pixels() -> None:
    inputs = InputsConfig(thermal=ThermalInputConfig(scale_k=1e300))
    assert not decoded(encode(THERMAL, 'mono16', np.array([[0, 9]])), inputs).image.any()


def test_stamp_offset_and_frame_alias() -> None:
    inputs = InputsConfig(
        rgb=RgbInputConfig(stamp_offset_s=-0.25, frame_alias='head'),
        depth=DepthInputConfig(stamp_offset_s=1.5),
    )
    rgb = decoded(encode(RGB, 'mono8', np.zeros((1, 1))), inputs)
    depth = decoded(encode(DEPTH, '16UC1', np.zeros((1, 1))), inputs)
    assert (rgb.stamp_ns, rgb.frame_id) == (7 - 250_000_000, 'head')
    assert (depth.stamp_ns, depth.frame_id) == (7 + 1_500_000_000, 'camera')
    assert (rgb.header_stamp_ns, depth.header_stamp_ns) == (7, 7)


def test_a_stamp_may_be_that_of_the_arrival() -> None:
    inputs = InputsConfig(depth=DepthInputConfig(stamp='arrival', stamp_offset_s=-0.5))
    raw = encode(DEPTH, '16UC1', np.zeros((1, 1)))
    frame = decode(raw, inputs, 9_000_000_000)
    assert isinstance(frame, Frame)
    assert (frame.stamp_ns, frame.header_stamp_ns) == (8_500_000_000, 7)
    cut = decode(dataclasses.replace(raw, data=b''), inputs, 9_000_000_000)
    assert cut.stamp_ns == 8_500_000_000


@pytest.mark.parametrize('kind', [bytes, bytearray, memoryview, 'array', 'odd address'])
def test_any_buffer_is_read(kind: Any) -> None:
    raw = encode(DEPTH, '16UC1', np.array([[1000, 2000]]))
    packed = bytes(raw.data)
    data: Any = np.frombuffer(packed, np.uint8)
    if kind == 'odd address':
        data = memoryview(b'x' + packed)[1:]
    elif kind != 'array':
        data = kind(packed)
    frame = decoded(RawImage(DEPTH, 7, 1, 2, '16UC1', 4, data))
    np.testing.assert_array_equal(frame.image, [[1, 2]])


def message(**changes: Any) -> RawImage:
    fields: dict[str, Any] = {
        'modality': THERMAL,
        'stamp_ns': 7,
        'height_px': 4,
        'width_px': 5,
        'encoding': 'mono16',
        'step_bytes': 10,
        'data': bytes(40),
    }
    return RawImage(**{**fields, **changes})


@pytest.mark.parametrize(
    ('changes', 'reason', 'words'),
    [
        ({'encoding': 'bayer_rggb8'}, Reason.FORMAT, "'bayer_rggb8'; expected one of mono16"),
        ({'encoding': 'rgba8'}, Reason.FORMAT, "'rgba8'; expected one of"),
        ({'encoding': 'MONO16 '}, Reason.FORMAT, "expected 'mono16', written exactly so"),
        ({'encoding': ''}, Reason.FORMAT, "encoding is ''"),
        ({'height_px': 0}, Reason.FORMAT, '5 x 0 px'),
        ({'width_px': -5}, Reason.FORMAT, '-5 x 4 px'),
        ({'step_bytes': 9}, Reason.FORMAT, 'step is 9 bytes; expected at least 10'),
        ({'step_bytes': -10}, Reason.FORMAT, 'step is -10'),
        ({'data': b''}, Reason.TRUNCATED, 'data has 0 bytes; expected 40'),
        ({'data': bytes(39)}, Reason.TRUNCATED, 'data has 39 bytes; expected 40'),
        ({'data': bytes(41)}, Reason.FORMAT, 'data has 41 bytes; expected 40'),
        ({'data': 'text'}, Reason.FORMAT, 'data is a str'),
        ({'data': np.zeros((8, 10), np.uint8)[:, ::2]}, Reason.FORMAT, 'contiguous'),
        ({'height_px': 2**32 - 1}, Reason.TRUNCATED, 'expected 42949672950'),
        ({'width_px': 2**80, 'step_bytes': 2**90}, Reason.TRUNCATED, 'expected'),
        ({'encoding': 'compressed png'}, Reason.FORMAT, 'begins with 00000000'),
        ({'encoding': 'compressed png', 'data': b''}, Reason.FORMAT, 'begins with nothing'),
    ],
)
def test_a_malformed_message_says_what_is_wrong(
    changes: dict[str, Any], reason: Reason, words: str
) -> None:
    rejection = rejected(message(**changes))
    assert rejection.reason is reason
    assert words in rejection.detail


def packed(suffix: str, pixels: np.ndarray, modality: Modality) -> RawImage:
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return RawImage(modality, 7, 0, 0, f'compressed {suffix[1:]}', 0, data.tobytes())


def test_png_keeps_colours_and_sixteen_bits() -> None:
    random = np.random.default_rng(0)
    rgb = random.integers(0, 255, (5, 6, 3), np.uint8)
    counts = random.integers(1000, 20000, (5, 6), np.uint16)
    np.testing.assert_array_equal(decoded(packed('.png', rgb[..., ::-1], RGB)).image, rgb)
    np.testing.assert_allclose(decoded(packed('.png', counts, DEPTH)).image, counts / 1000, 1e-6)
    np.testing.assert_allclose(decoded(packed('.png', counts, THERMAL)).image, counts / 100, 1e-6)


def test_jpeg_is_close_for_rgb_and_refused_elsewhere() -> None:
    rgb = np.full((16, 16, 3), (200, 90, 30), np.uint8)
    jpeg = packed('.jpg', rgb[..., ::-1], RGB)
    np.testing.assert_allclose(decoded(jpeg).image, rgb, atol=6)
    for modality in (THERMAL, DEPTH):
        rejection = rejected(packed('.jpg', rgb[..., 0], modality))
        assert rejection.reason is Reason.FORMAT
        assert 'JPEG' in rejection.detail


@pytest.mark.parametrize(
    ('modality', 'pixels'),
    [(DEPTH, np.zeros((4, 4), np.uint8)), (THERMAL, np.zeros((4, 4, 4), np.uint8))],
)
def test_a_png_of_other_pixels_is_refused(modality: Modality, pixels: np.ndarray) -> None:
    assert rejected(packed('.png', pixels, modality)).reason is Reason.FORMAT


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image() -> None:
    jpeg = packed('.jpg', np.zeros((64, 64, 3), np.uint8), RGB).data
    thumbnail = b'\xff\xe1\x00\x06\xff\xd8\xff\xd9'
    whole = bytes(jpeg[:2]) + thumbnail + bytes(jpeg[2:])
    message = RawImage(RGB, 7, 0, 0, 'compressed jpeg', 0, whole + bytes(40))
    assert decoded(message).image.shape == (64, 64, 3)
    cut = RawImage(RGB, 7, 0, 0, 'compressed jpeg', 0, whole[: len(whole) * 2 // 3])
    assert rejected(cut).reason is Reason.TRUNCATED


def jpeg_of(data: bytes) -> RawImage:
    return RawImage(RGB, 7, 0, 0, 'compressed jpeg', 0, data)


@pytest.mark.parametrize('size', [(8, 8), (40, 56), (33, 17)])
@pytest.mark.parametrize('padding', [b'', bytes(100), b'\xff\xd9 what was in the buffer before'])
def test_a_jpeg_may_lack_its_end_marker_or_be_padded(
    size: tuple[int, int], padding: bytes
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*size, 3), np.uint8)
    whole = bytes(packed('.jpg', noise, RGB).data)
    expected = decoded(jpeg_of(whole)).image
    np.testing.assert_array_equal(decoded(jpeg_of(whole[:-2] + padding)).image, expected)


def test_a_progressive_jpeg_without_its_end_may_lack_anything() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (40, 40, 3), np.uint8)
    done, data = cv2.imencode('.jpg', noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert done and decoded(jpeg_of(data.tobytes() + bytes(9))).image.shape == noise.shape
    assert rejected(jpeg_of(data.tobytes()[:-2])).reason is Reason.TRUNCATED


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
@pytest.mark.parametrize('share', [0.02, 0.5, 0.88])
def test_a_compressed_image_cut_short_is_truncated(suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    raw = packed(suffix, noise, RGB)
    data = bytes(raw.data)[: max(12, int(len(raw.data) * share))]
    cut = RawImage(RGB, 7, 0, 0, raw.encoding, 0, data)
    assert rejected(cut).reason is Reason.TRUNCATED


def test_a_damaged_png_is_truncated() -> None:
    raw = packed('.png', np.arange(2500, dtype=np.uint16).reshape(50, 50), DEPTH)
    data = bytearray(raw.data)
    data[25:60] = bytes(35)
    damaged = RawImage(DEPTH, 7, 0, 0, raw.encoding, 0, data)
    assert rejected(damaged).reason in (Reason.TRUNCATED, Reason.FORMAT)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    header = png_chunk(b'IHDR', struct.pack('>IIBBBBB', 60000, 60000, 16, 0, 0, 0, 0))
    bomb = b'\x89PNG\r\n\x1a\n' + header + png_chunk(b'IDAT', b'') + png_chunk(b'IEND', b'')
    rejection = rejected(RawImage(DEPTH, 7, 0, 0, 'compressed png', 0, bomb))
    assert rejection.reason is Reason.FORMAT
    assert str(INPUTS.depth.max_pixels) in rejection.detail
    jpeg = bytearray(packed('.jpg', np.zeros((8, 8, 3), np.uint8), RGB).data)
    at = jpeg.index(b'\xff\xc0')
    jpeg[at + 5 : at + 9] = struct.pack('>HH', 65535, 65535)
    assert '65535 x 65535' in rejected(RawImage(RGB, 7, 0, 0, 'compressed', 0, jpeg)).detail


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_a_header_that_claims_more_than_its_bytes_can_hold_is_refused(suffix: str) -> None:
    data = bytearray(packed(suffix, np.zeros((8, 8, 3), np.uint8), RGB).data)
    if suffix == '.png':
        data[16:24] = struct.pack('>II', 3900, 3900)
    else:
        at = data.index(b'\xff\xc0')
        data[at + 5 : at + 9] = struct.pack('>HH', 3900, 3900)
    rejection = rejected(RawImage(RGB, 7, 0, 0, 'compressed', 0, data))
    assert rejection.reason is Reason.TRUNCATED
    assert '3900 x 3900 px, more than' in rejection.detail


@pytest.mark.parametrize(
    ('suffix', 'modality', 'pixels'),
    [
        ('.png', RGB, np.zeros((1500, 2000, 3), np.uint8)),
        ('.jpg', RGB, np.zeros((1500, 2000, 3), np.uint8)),
        ('.png', DEPTH, np.zeros((1500, 2000), np.uint16)),
    ],
)
def test_an_image_of_one_value_is_not_taken_for_a_bomb(
    suffix: str, modality: Modality, pixels: np.ndarray
) -> None:
    """It compresses best of all."""
    smallest = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_JPEG_QUALITY, 1]
    done, data = cv2.imencode(suffix, pixels, smallest)
    assert done
    frame = decoded(RawImage(modality, 7, 0, 0, 'compressed', 0, data.tobytes()))
    assert frame.image.shape == pixels.shape


@settings(max_examples=300)
@given(
    modality=st.sampled_from(list(Modality)),
    encoding=st.sampled_from([*DTYPES, *CHANNELS, 'mono8', '8UC1', 'compressed png', 'yuv422']),
    height=st.integers(-2, 8) | st.integers(-(2**40), 2**40),
    width=st.integers(-2, 8) | st.integers(-(2**40), 2**40),
    step=st.integers(-2, 64) | st.integers(-(2**40), 2**40),
    data=st.binary(max_size=256),
    big=st.booleans(),
)
def test_nothing_a_driver_sends_raises(**fields: Any) -> None:
    raw = RawImage(
        fields['modality'],
        7,
        fields['height'],
        fields['width'],
        fields['encoding'],
        fields['step'],
        fields['data'],
        fields['big'],
    )
    result = decode(raw, INPUTS, 9)
    if isinstance(result, Frame):
        assert result.image.shape[:2] == (raw.height_px, raw.width_px)
    else:
        assert result.reason in (Reason.FORMAT, Reason.TRUNCATED)
        assert result.detail


@settings(max_examples=200, deadline=None)
@given(
    suffix=st.sampled_from(['.png', '.jpg']),
    modality=st.sampled_from(list(Modality)),
    damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
)
def test_no_damage_to_a_compressed_image_raises(
    suffix: str, modality: Modality, damage: list[tuple[int, int]]
) -> None:
    raw = packed(suffix, np.arange(192, dtype=np.uint8).reshape(8, 8, 3), modality)
    data = bytearray(raw.data)
    for at, value in damage:
        data[at % len(data)] = value
    result = decode(RawImage(modality, 7, 0, 0, 'compressed', 0, data), INPUTS, 9)
    assert isinstance(result, (Frame, Rejection))
