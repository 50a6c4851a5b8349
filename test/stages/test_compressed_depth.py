# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The compressedDepth transport, packed by an encoder of its own."""

from __future__ import annotations

import struct

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
import numpy as np
import pytest

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame, RawImage, Reason, Rejection
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.sensors import decode

RGB, THERMAL, DEPTH = Modality
MILLIMETRES = np.array([[0, 1000, 2500], [20000, 0, 65535]], np.uint16)
METRES = np.array([[0, 1, 2.5], [20, 0, 0]], np.float32)
DEPTH_MAX_M, QUANTIZATION = 10.0, 100.0


def rvl(pixels: np.ndarray) -> bytes:
    """Pack pixel by pixel, as the paper says."""
    flat, nibbles, at, before = [int(v) for v in pixels.reshape(-1)], [], 0, 0

    def write(value: int) -> None:
        while True:
            nibbles.append(value % 8 + (8 if value >= 8 else 0))
            value //= 8
            if not value:
                return

    while at < len(flat):
        zeros = next((i for i, v in enumerate(flat[at:]) if v), len(flat) - at)
        others = flat[at + zeros :]
        others = others[: next((i for i, v in enumerate(others) if not v), len(others))]
        write(zeros)
        write(len(others))
        for value in others:
            step, before = value - before, value
            write(2 * step if step >= 0 else -2 * step - 1)
        at += zeros + len(others)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [nibbles[i : i + 8] for i in range(0, len(nibbles), 8)]
    body = b''.join(
        int(''.join(f'{n:x}' for n in word), 16).to_bytes(4, 'little') for word in words
    )
    return struct.pack('<II', pixels.shape[1], pixels.shape[0]) + body


def png(pixels: np.ndarray) -> bytes:
    done, data = cv2.imencode('.png', pixels)
    assert done
    return data.tobytes()


def quantized(metres: np.ndarray) -> tuple[np.ndarray, bytes]:
    """Return inverse distances in steps, and the header that says how they were made."""
    scale = QUANTIZATION * (QUANTIZATION + 1)
    offset = 1 - scale / DEPTH_MAX_M
    with np.errstate(divide='ignore', invalid='ignore'):
        steps = np.where(metres < DEPTH_MAX_M, scale / metres + offset, 0)
    return steps.astype(np.uint16), struct.pack('<iff', 0, scale, offset)


def message(text: str, data: bytes, modality: Modality = DEPTH) -> RawImage:
    return RawImage(modality, 7, 0, 0, f'compressed {text}', 0, data)


def image(raw: RawImage) -> np.ndarray:
    frame = decode(raw, InputsConfig(), 9)
    assert isinstance(frame, Frame), frame
    return frame.image


def refused(raw: RawImage) -> Rejection:
    found = decode(raw, InputsConfig(), 9)
    assert isinstance(found, Rejection)
    return found


@pytest.mark.parametrize(
    'text',
    [
        '16UC1; compressedDepth png',
        '16UC1; compressedDepth',
        'mono16; compressedDepth png',
        '16UC1',
        'png',
        '',
    ],
)
def test_png_behind_the_header_is_read_whatever_the_text_says(text: str) -> None:
    np.testing.assert_allclose(image(message(text, bytes(12) + png(MILLIMETRES))), METRES)


def test_a_png_without_the_header_is_a_png() -> None:
    raw = message('16UC1; compressedDepth png', png(MILLIMETRES))
    np.testing.assert_allclose(image(raw), METRES)


@settings(max_examples=200, deadline=None)
@given(
    pixels=arrays(
        np.uint16,
        array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.sampled_from([0, 0, 1, 7, 8, 900, 901, 65535]) | st.integers(0, 65535),
    )
)
def test_rvl_is_what_was_packed(pixels: np.ndarray) -> None:
    found = image(message('16UC1; compressedDepth rvl', bytes(12) + rvl(pixels)))
    expected = image(message('16UC1; compressedDepth png', bytes(12) + png(pixels)))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('pack', [png, rvl])
def test_quantized_distances_come_back(pack) -> None:
    metres = np.array([[0.5, 1.0, 3.0], [9.0, np.nan, 30.0]], np.float32)
    steps, header = quantized(metres)
    found = image(message(f'32FC1; compressedDepth {pack.__name__}', header + pack(steps)))
    np.testing.assert_allclose(found[:, :2], [[0.5, 1.0], [9.0, 0]], rtol=0.01)
    assert found[0, 2] == pytest.approx(3.0, rel=0.01)
    assert found[1, 2] == 0


def test_thermal_of_sixteen_bit_may_come_so() -> None:
    found = image(message('16UC1; compressedDepth png', bytes(12) + png(MILLIMETRES), THERMAL))
    np.testing.assert_allclose(found, MILLIMETRES / 100, rtol=1e-6)


PNG, RVL = (bytes(12) + pack(MILLIMETRES) for pack in (png, rvl))
HUGE = bytes(12) + struct.pack('<II', 1 << 16, 1 << 16)
LARGE = bytes(12) + struct.pack('<II', 3900, 3900) + bytes(8)
TIFF = b'II*\x00' + bytes(60)


@pytest.mark.parametrize(
    ('raw', 'reason', 'words'),
    [
        (message('16UC1; compressedDepth png', bytes(12)), Reason.TRUNCATED, 'has 12 bytes'),
        (message('16UC1; compressedDepth png', PNG[:-9]), Reason.TRUNCATED, 'cut short'),
        (message('16UC1; compressedDepth rvl', RVL[:-4]), Reason.TRUNCATED, '3 x 2 px'),
        (message('16UC1; compressedDepth rvl', RVL[:16]), Reason.TRUNCATED, 'before its size'),
        (message('16UC1; compressedDepth rvl', HUGE), Reason.FORMAT, '65536 x 65536'),
        (message('16UC1; compressedDepth rvl', LARGE), Reason.TRUNCATED, '3900 x 3900'),
        (message('16UC1; compressedDepth x', bytes(99)), Reason.FORMAT, 'set the format of the'),
        (message('32FC1; compressedDepth png', PNG), Reason.FORMAT, 'quantisation 0 and 0'),
        (message('8UC1; compressedDepth png', PNG, RGB), Reason.FORMAT, 'remap the input'),
        (message('32FC1; tiff compressed', TIFF), Reason.FORMAT, 'is TIFF; expected PNG: set'),
    ],
)
def test_what_cannot_be_read_says_why(raw: RawImage, reason: Reason, words: str) -> None:
    found = refused(raw)
    assert found.reason is reason
    assert words in found.detail and '\n' not in found.detail


@settings(max_examples=300, deadline=None)
@given(text=st.sampled_from(['16UC1', '32FC1']), body=st.binary(max_size=64))
def test_no_rvl_raises(text: str, body: bytes) -> None:
    header = struct.pack('<iffII', 0, 1.0, 0.0, 5, 4)
    found = decode(message(f'{text}; compressedDepth rvl', header + body), InputsConfig(), 9)
    assert isinstance(found, (Frame, Rejection))
