# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Unpack one PNG or JPEG file.

The size is read from the file's header before anything is unpacked, and compared with what the
sensor may send and what so many bytes can hold, so a decompression bomb costs a few bytes.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modalities.kind import Pixels
from mm_robust_seg.stages.sensors.image_files import read_header
from mm_robust_seg.stages.sensors.malformed import check_size, incomplete, MalformedError


def unpack_file(packed: bytes, flags: int, most_pixels: int) -> Pixels:
    """Return the pixels, (H, W) or (H, W, C) as OpenCV orders them, of a PNG or JPEG.

    The decoders print nothing, whatever is wrong with the file.

    Raises:
        MalformedError: FORMAT if it has more pixels than ``most_pixels``; TRUNCATED if it is cut
            short or damaged.
    """
    header = read_header(packed)
    if header is None or not header.height_px + header.width_px:
        raise incomplete(packed)
    height_px, width_px = header.height_px, header.width_px
    check_size(height_px, width_px, most_pixels)
    if height_px * width_px > header.most_pixels(len(packed)):
        raise MalformedError(
            Reason.TRUNCATED,
            f'compressed image claims {width_px} x {height_px} px, more than {len(packed)} bytes '
            'can hold; expected its data',
        )
    plain = header.plain(packed)
    if plain is None:
        raise incomplete(packed, (height_px, width_px))
    try:
        pixels = cv2.imdecode(np.frombuffer(plain, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape[:2] != (height_px, width_px):
        raise incomplete(packed, (height_px, width_px))
    return pixels
