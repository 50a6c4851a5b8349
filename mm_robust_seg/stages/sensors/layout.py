# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where the pixels of an uncompressed message lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import RawImage, Reason
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.encodings import Encoding, ENCODINGS
from mm_robust_seg.modalities.kind import Pixels
from mm_robust_seg.stages.sensors.malformed import MalformedError


def view(raw: RawImage) -> Pixels:
    """Lay the header's geometry over the message's bytes; copies and allocates nothing.

    The result is (rows, W, C) in the type and byte order of the encoding; there are more rows than
    the image has where colours follow below.

    Raises:
        MalformedError: FORMAT if the header contradicts itself, the data or the sensor;
            TRUNCATED if it promises more bytes than there are.
    """
    allowed = KINDS[raw.modality].encodings
    if raw.encoding not in allowed:
        raise MalformedError(Reason.FORMAT, _unknown(raw.encoding, allowed))
    encoding = ENCODINGS[raw.encoding]
    dtype = np.dtype(('>' if raw.is_bigendian else '<') + encoding.pixel_type)
    pixel_bytes = encoding.channels * dtype.itemsize
    width, step = raw.width_px, raw.step_bytes
    _check_size(raw, encoding)
    if step < width * pixel_bytes:
        raise MalformedError(
            Reason.FORMAT,
            f'step is {step} bytes; expected at least {width * pixel_bytes}, a row of {width} px '
            f'in {raw.encoding}',
        )
    rows = raw.height_px * encoding.rows // 2
    data = buffer(raw)
    if data.size != rows * step:
        raise MalformedError(
            Reason.TRUNCATED if data.size < rows * step else Reason.FORMAT,
            f'data has {data.size} bytes; expected {rows * step}, {rows} rows of {step}',
        )
    strides = (step, pixel_bytes, dtype.itemsize)
    pixels: Pixels = np.ndarray(
        (rows, width, encoding.channels), dtype, data.data, strides=strides
    )
    return pixels


def _check_size(raw: RawImage, encoding: Encoding) -> None:
    size, least = (raw.height_px, raw.width_px), encoding.least_px
    found = f'size is {raw.width_px} x {raw.height_px} px'
    if min(size) < least:
        raise MalformedError(Reason.FORMAT, f'{found}; expected at least {least} x {least}')
    odd = [
        name
        for name, number, divisor in zip(('height', 'width'), size, encoding.divisor, strict=True)
        if number % divisor
    ]
    if odd:
        raise MalformedError(
            Reason.FORMAT,
            f'{found}; {raw.encoding} needs an even {" and ".join(odd)}: set another size or '
            'encoding in the driver',
        )


def _unknown(encoding: str, allowed: Sequence[str]) -> str:
    """Say what was expected; the mosaics in one word, for they are many."""
    meant = next((name for name in allowed if name.lower() == encoding.strip().lower()), None)
    if meant:
        return f"encoding is '{encoding}'; expected '{meant}', written exactly so"
    names = dict.fromkeys('bayer_*' if n.startswith('bayer_') else n for n in allowed)
    return (
        f"encoding is '{encoding}'; expected one of {', '.join(names)}: set one of these in the "
        'driver'
    )


def buffer(raw: RawImage) -> NDArray[np.uint8]:
    """Return the message's bytes as a flat array, without a copy.

    Raises:
        MalformedError: FORMAT if ``raw.data`` is no contiguous buffer.
    """
    try:
        return np.frombuffer(raw.data, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise MalformedError(
            Reason.FORMAT, f'data is a {type(raw.data).__name__}; expected contiguous bytes'
        ) from error
