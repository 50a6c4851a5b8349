# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures as PNG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.errors import DataError
from mm_robust_seg.files import replacing

_FAST = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write (H, W) labels or (H, W, 3) RGB in one step.

    Raises:
        DataError: if the file cannot be written.
    """
    with replacing(path) as temporary:
        if not cv2.imwrite(str(temporary), _bgr(picture), _FAST):
            raise DataError(f'{path} cannot be written: is the disk full, the folder writable?')


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """Return the file of an (H, W, 3) RGB picture."""
    return cv2.imencode('.png', _bgr(picture))[1].tobytes()


def _bgr(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[..., ::-1] if picture.ndim == 3 else picture
