# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What OpenCV reads by half is refused, in silence; nothing is read beyond a limit."""

from __future__ import annotations

from dataclasses import replace
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame, RawImage, Reason, Rejection
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.sensors import decode

INPUTS = InputsConfig()
SMALL = replace(
    INPUTS,
    rgb=replace(INPUTS.rgb, max_pixels=40 * 30),
    depth=replace(INPUTS.depth, max_pixels=40 * 30),
)
START = b'\x89PNG\r\n\x1a\n'
END = b'\xff\xd9'


def scene(height_px: int = 120, width_px: int = 160) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (9, 12, 3), np.uint8)
    return cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)


def jpeg(*options: int, image: np.ndarray | None = None) -> bytes:
    done, data = cv2.imencode('.jpg', scene() if image is None else image, list(options))
    assert done
    return data.tobytes()


PROGRESSIVE = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
RESTARTS = (cv2.IMWRITE_JPEG_RST_INTERVAL, 3)
FULL_COLOUR = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


def read(data: bytes, modality: Modality = Modality.RGB) -> Frame | Rejection:
    return decode(RawImage(modality, 7, 0, 0, 'compressed', 0, data), INPUTS, 9)


def is_truncated(result: Frame | Rejection) -> bool:
    return isinstance(result, Rejection) and result.reason is Reason.TRUNCATED


@pytest.mark.parametrize('options', [(), PROGRESSIVE, RESTARTS, FULL_COLOUR])
@pytest.mark.parametrize('size', [(120, 160), (8, 8), (33, 47)])
def test_a_whole_jpeg_is_read_as_opencv_reads_it(
    options: tuple[int, ...], size: tuple[int, int]
) -> None:
    data = jpeg(*options, image=scene(*size))
    frame, expected = read(data), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert isinstance(frame, Frame)
    np.testing.assert_array_equal(frame.image, expected[..., ::-1])


@pytest.mark.parametrize('options', [(), RESTARTS, FULL_COLOUR])
@pytest.mark.parametrize('share', [0.3, 0.5, 0.9])
def test_a_jpeg_that_is_cut_and_closed_is_truncated(
    options: tuple[int, ...], share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    data = jpeg(*options)
    assert is_truncated(read(data[: int(len(data) * share)] + END))
    assert capfd.readouterr() == ('', '')


def test_a_progressive_jpeg_that_lacks_a_scan_is_truncated(
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = jpeg(*PROGRESSIVE)
    assert is_truncated(read(data[: data.rindex(b'\xff\xda')] + END))
    assert capfd.readouterr() == ('', '')


def test_a_jpeg_whose_header_is_enlarged_is_truncated(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(jpeg())
    at = data.index(b'\xff\xc0')
    data[at + 5 : at + 9] = struct.pack('>HH', 1000, 1000)
    assert is_truncated(read(bytes(data)))
    assert capfd.readouterr() == ('', '')


def test_a_grey_image_is_not_taken_for_a_missing_one() -> None:
    assert isinstance(read(jpeg(image=np.full((64, 64, 3), 128, np.uint8))), Frame)


def test_a_camera_that_misstates_the_spectrum_is_read(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(jpeg())
    at = data.index(b'\xff\xda') + 4 + 1 + 2 * 3
    data[at : at + 3] = bytes(3)
    assert isinstance(read(bytes(data)), Frame)
    assert capfd.readouterr() == ('', '')


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def png(rows: bytes, *extra: bytes, header: tuple[int, ...] = (16, 0, 0, 0, 0)) -> bytes:
    """Return a PNG of 40 x 30 pixels whose pixels are packed rows."""
    start = START + chunk(b'IHDR', struct.pack('>IIBBBBB', 40, 30, *header))
    return start + b''.join(extra) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')


DEPTH_MM = np.random.default_rng(0).integers(500, 3000, (30, 40), np.uint16)
ROWS = b''.join(b'\0' + row.astype('>u2').tobytes() for row in DEPTH_MM)
WHOLE = zlib.compress(ROWS)


@pytest.mark.parametrize(
    'data',
    [
        png(WHOLE[: len(WHOLE) // 2]),
        png(WHOLE[:-4]),
        png(WHOLE[:-1] + b'x'),
        png(zlib.compress(ROWS[: len(ROWS) // 2])),
        png(zlib.compress(b'\x09' + ROWS[1:])),
        png(WHOLE)[:300] + chunk(b'IEND', b''),
        png(WHOLE).replace(WHOLE[50:60], bytes(10)),
        png(WHOLE, header=(16, 0, 0, 0, 7)),
        png(WHOLE, header=(3, 0, 0, 0, 0)),
    ],
    ids=['half', 'no check', 'check', 'rows', 'filter', 'chunk', 'crc', 'interlace', 'bits'],
)
def test_a_png_that_is_not_whole_is_truncated(
    data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert is_truncated(read(data, Modality.DEPTH))
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize(
    'data',
    [
        png(WHOLE),
        png(zlib.compress(ROWS + ROWS)),
        png(WHOLE, chunk(b'gAMA', b'none'), chunk(b'gAMA', b'none'), chunk(b'iCCP', b'none')),
        png(WHOLE, chunk(b'acTL', struct.pack('>II', 2, 0))),
        png(WHOLE) + bytes(40),
    ],
    ids=['plain', 'too much', 'ancillary', 'animated', 'padded'],
)
def test_a_png_with_its_pixels_whole_is_read(
    data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    frame = read(data, Modality.DEPTH)
    assert isinstance(frame, Frame)
    np.testing.assert_allclose(frame.image, DEPTH_MM / 1000, 1e-6)
    assert capfd.readouterr() == ('', '')


def test_interlaced_pixels_and_palettes_are_read(capfd: pytest.CaptureFixture[str]) -> None:
    """One value in every pass; an index beyond the palette is black."""
    passes = [(5, 4), (5, 4), (10, 4), (10, 8), (20, 7), (20, 15), (40, 15)]
    rows = b''.join((b'\0' + bytes([3]) * width) * height for width, height in passes)
    palette = chunk(b'PLTE', bytes(range(9)) + b'\x0a\x14\x1e')
    frame = read(png(zlib.compress(rows), palette, header=(8, 3, 0, 0, 1)))
    assert isinstance(frame, Frame)
    assert (frame.image == (10, 20, 30)).all()
    beyond = read(png(zlib.compress(rows.replace(b'\3', b'\7')), palette, header=(8, 3, 0, 0, 1)))
    assert isinstance(beyond, Frame)
    assert not beyond.image.any()
    assert capfd.readouterr() == ('', '')


DEPTH_HEADER = struct.pack('<iff', 0, 0, 0)


@pytest.mark.parametrize(
    ('modality', 'raw'),
    [
        (Modality.RGB, {'data': jpeg(image=scene(31, 40))}),
        (Modality.DEPTH, {'data': cv2.imencode('.png', np.ones((30, 41), np.uint16))[1]}),
        (
            Modality.DEPTH,
            {
                'encoding': 'compressed 16UC1; compressedDepth rvl',
                'data': DEPTH_HEADER + struct.pack('<II', 41, 30) + bytes(8),
            },
        ),
        (
            Modality.RGB,
            {'encoding': 'mono8', 'height_px': 1, 'width_px': 1201, 'step_bytes': 1201},
        ),
    ],
    ids=['jpeg', 'png', 'rvl', 'raw'],
)
def test_more_pixels_than_a_sensor_may_send_are_refused(
    modality: Modality, raw: dict[str, object]
) -> None:
    message = RawImage(
        **{  # type: ignore[arg-type]
            'modality': modality,
            'stamp_ns': 7,
            'height_px': 0,
            'width_px': 0,
            'encoding': 'compressed',
            'step_bytes': 0,
            'data': bytes(1201),
            **raw,
        }
    )
    rejection = decode(message, SMALL, 9)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.FORMAT
    assert '1 to 1200 pixels' in rejection.detail
    assert 'max_pixels' in rejection.detail


def test_a_large_image_costs_nothing_before_it_is_refused() -> None:
    """98 KB of PNG that are 5792 x 5792 pixels: none of them is unpacked."""
    done, data = cv2.imencode('.png', np.zeros((5792, 5792), np.uint16))
    assert done
    packed = data.tobytes()
    tracemalloc.start()
    try:
        rejection = read(packed, Modality.DEPTH)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(rejection, Rejection)
    assert '5792 x 5792' in rejection.detail
    assert peak_bytes < 4 * len(packed)
