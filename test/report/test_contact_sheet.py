"""Thumbnails and contact sheets."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
import numpy as np

from mm_robust_seg.report.contact_sheet import contact_sheet, Thumbnails


def shade(value: int, height=12, width=16):
    return np.full((height, width, 3), value, np.uint8)


@given(st.integers(1, 255), st.integers(2, 20))
def test_the_selection_is_evenly_spaced_and_bounded(count, limit):
    thumbnails = Thumbnails(limit, 8)
    for number in range(count):
        if thumbnails.wants_next():
            thumbnails.keep(shade(number))
    kept = [int(picture[0, 0, 0]) for picture in thumbnails.pictures]
    assert kept[0] == 0
    assert len({b - a for a, b in itertools.pairwise(kept)}) <= 1
    assert min(count, limit) / 2 <= len(kept) <= limit
    assert all(picture.shape == (6, 8, 3) for picture in thumbnails.pictures)


@given(st.integers(1, 12), st.integers(1, 5))
def test_every_picture_is_on_the_sheet(count, columns):
    sheet = contact_sheet([shade(10 + number) for number in range(count)], columns)
    for number in range(count):
        assert (sheet == 10 + number).all(axis=2).sum() == 12 * 16
    assert (sheet[0] == 255).all()


def test_pictures_of_different_sizes_do_not_overlap():
    sheet = contact_sheet([shade(1), shade(2, 30, 16), shade(3, 5, 16)], 2)
    areas = [(sheet == value).all(axis=2).sum() for value in (1, 2, 3)]
    assert areas == [12 * 16, 30 * 16, 5 * 16]
