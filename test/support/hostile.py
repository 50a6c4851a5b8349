# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Image messages that no driver should send, for the fuzz tests."""

from __future__ import annotations

import struct
import zlib

import cv2
from hypothesis import strategies as st
import numpy as np

from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.encodings import ENCODINGS
from mm_robust_seg.modality import Modality

KNOWN = sorted({encoding for kind in KINDS.values() for encoding in kind.encodings})
ODD = ['', 'rgb8 ', 'RGB8', 'nv24', '8UC2', '64FC4', '16UC1; png', 'compressed']
UINT32_MAX = 2**32 - 1

sizes = st.integers(0, 9) | st.sampled_from([1000, 65536, 2**31, UINT32_MAX])
stamps = st.tuples(
    st.sampled_from([-(2**31), -1, 0, 1, 2**31 - 1]) | st.integers(-(2**31), 2**31 - 1),
    st.sampled_from([0, 999_999_999, 1_000_000_000, UINT32_MAX]),
)
encodings = st.sampled_from(KNOWN + ODD) | st.text(max_size=30).filter(lambda t: '\0' not in t)
bits = st.sampled_from([b'\x00', b'\xff', b'\x7f\x80', b'\x00\x00\xc0\x7f', b'\x00\x00\x80\xff'])
data = st.binary(max_size=400) | st.tuples(bits, st.integers(0, 400)).map(
    lambda item: (item[0] * item[1])[:400]
)

images = st.fixed_dictionaries(
    {
        'height': sizes,
        'width': sizes,
        'step': sizes,
        'encoding': encodings,
        'is_bigendian': st.integers(0, 255),
        'data': data,
        'stamp': stamps,
    }
)
"""Fields of a sensor_msgs/Image, hardly any of which belong together."""


@st.composite
def whole_images(draw: st.DrawFn) -> dict[str, object]:
    """Fields that do belong together, so that the pixels themselves are decoded."""
    encoding = draw(st.sampled_from(KNOWN))
    known = ENCODINGS[encoding]
    pixel = np.dtype(known.pixel_type).itemsize * known.channels
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    if draw(st.booleans()):
        width = draw(st.sampled_from([300, 70_000]))
        height = 1
    step = width * pixel + draw(st.integers(0, 5))
    pattern = draw(bits | st.binary(min_size=1, max_size=64))
    size = height * known.rows // 2 * step
    content = (pattern * (size // len(pattern) + 1))[:size]
    return {
        'height': height,
        'width': width,
        'step': step,
        'encoding': encoding,
        'is_bigendian': draw(st.integers(0, 1)),
        'data': content,
        'stamp': draw(stamps),
    }


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def png_claiming(height: int, width: int, depth: int = 16, color: int = 0) -> bytes:
    """A valid PNG header, and hardly any pixels behind it."""
    header = png_chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, color, 0, 0, 0))
    pixels = png_chunk(b'IDAT', zlib.compress(bytes(64)))
    return b'\x89PNG\r\n\x1a\n' + header + pixels + png_chunk(b'IEND', b'')


def jpeg_claiming(height: int, width: int) -> bytes:
    """A JPEG of 8 x 8 pixels whose frame header says otherwise."""
    jpeg = bytearray(packed('.jpg', np.zeros((8, 8, 3), np.uint8)))
    at = jpeg.index(b'\xff\xc0')
    jpeg[at + 5 : at + 9] = struct.pack('>HH', height, width)
    return bytes(jpeg)


def packed(suffix: str, pixels: np.ndarray) -> bytes:
    done, content = cv2.imencode(suffix, pixels)
    assert done
    return content.tobytes()


@st.composite
def compressed_data(draw: st.DrawFn) -> bytes:
    """Damaged, cut or lying PNG and JPEG files, or anything."""
    sides = st.sampled_from([0, 1, 8, 5000, 60_000])
    kind = draw(st.sampled_from(['png header', 'jpeg header', 'damaged', 'anything']))
    if kind == 'anything':
        return draw(st.binary(max_size=300))
    if kind == 'png header':
        depth, color = draw(st.sampled_from([(1, 0), (8, 0), (16, 0), (8, 2), (16, 6), (99, 9)]))
        return png_claiming(draw(sides), draw(sides), depth, color)
    if kind == 'jpeg header':
        return jpeg_claiming(draw(sides), draw(sides))
    shape = draw(st.sampled_from([(8, 8), (8, 8, 3), (1, 40)]))
    pixels = np.arange(np.prod(shape)).reshape(shape)
    png16 = draw(st.booleans())
    suffix = '.png' if png16 else draw(st.sampled_from(['.png', '.jpg']))
    content = bytearray(packed(suffix, pixels.astype(np.uint16 if png16 else np.uint8)))
    for at, value in draw(
        st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=5)
    ):
        content[at % len(content)] = value
    return bytes(content[: draw(st.integers(0, len(content)) | st.just(len(content)))])


modalities = st.sampled_from(list(Modality))
formats = st.sampled_from(['png', 'jpeg', '16UC1; png compressed', '', 'compressedDepth'])
