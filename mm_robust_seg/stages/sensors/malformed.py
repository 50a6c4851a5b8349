# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How the decoding helpers report a message that cannot be read."""

from __future__ import annotations

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.errors import RobustSegError


class MalformedError(RobustSegError):
    """Carries a Rejection's reason and sentence up to ``decode``, which never lets it out."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def incomplete(packed: bytes, size_px: tuple[int, int] | None = None) -> MalformedError:
    """Return what to raise for a file that cannot be read to its end.

    Args:
        size_px: height and width, if the file tells them.
    """
    expected = f'{size_px[1]} x {size_px[0]} px' if size_px else 'its size and its end'
    return MalformedError(
        Reason.TRUNCATED,
        f'compressed image of {len(packed)} bytes is cut short or damaged; expected {expected}',
    )


def check_size(height_px: int, width_px: int, most_pixels: int) -> None:
    """Refuse an image before it is unpacked.

    Raises:
        MalformedError: FORMAT if it is empty or has more pixels than its sensor may send.
    """
    if not 0 < height_px * width_px <= most_pixels:
        raise MalformedError(
            Reason.FORMAT,
            f'image is {width_px} x {height_px} px; expected 1 to {most_pixels} pixels: let the '
            'camera send smaller ones, or raise max_pixels of the input',
        )
