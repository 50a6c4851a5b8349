# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""PNG and JPEG files: what they say of themselves, before anything is unpacked."""

from __future__ import annotations

from mm_robust_seg.stages.sensors import jpeg_files, png_files
from mm_robust_seg.stages.sensors.jpeg_files import Jpeg
from mm_robust_seg.stages.sensors.png_files import Png

PNG_START = png_files.START


def read_header(packed: bytes) -> Png | Jpeg | None:
    """Read the header of a PNG or JPEG; None for anything else."""
    if packed.startswith(png_files.START):
        return Png.of(packed)
    return Jpeg.of(packed) if packed.startswith(jpeg_files.START) else None
