"""Where the pixels of an uncompressed message lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import PIXEL_TYPES, RawImage, Reason
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.kind import Pixels
from mm_robust_seg.stages.sensors.malformed import MalformedError


def view(raw: RawImage) -> Pixels:
    """Lay the header's geometry over the message's bytes; copies and allocates nothing.

    The result is (H, W, C) in the type and byte order of the encoding.

    Raises:
        MalformedError: FORMAT if the header contradicts itself, the data or the sensor;
            TRUNCATED if it promises more bytes than there are.
    """
    allowed = KINDS[raw.modality].encodings
    if raw.encoding not in allowed:
        raise MalformedError(
            Reason.FORMAT,
            f'encoding is {raw.encoding!r}; expected one of {", ".join(allowed)}',
        )
    kind, channels = PIXEL_TYPES[raw.encoding]
    dtype = np.dtype(('>' if raw.is_bigendian else '<') + kind)
    pixel_bytes = channels * dtype.itemsize
    height, width, step = raw.height_px, raw.width_px, raw.step_bytes
    if height < 1 or width < 1:
        raise MalformedError(
            Reason.FORMAT, f'size is {width} x {height} px; expected at least 1 x 1'
        )
    if step < width * pixel_bytes:
        raise MalformedError(
            Reason.FORMAT,
            f'step is {step} bytes; expected at least {width * pixel_bytes}, a row of {width} px '
            f'in {raw.encoding}',
        )
    data = buffer(raw)
    if data.size != height * step:
        raise MalformedError(
            Reason.TRUNCATED if data.size < height * step else Reason.FORMAT,
            f'data has {data.size} bytes; expected {height * step}, {height} rows of {step}',
        )
    strides = (step, pixel_bytes, dtype.itemsize)
    pixels: Pixels = np.ndarray((height, width, channels), dtype, data.data, strides=strides)
    return pixels


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
