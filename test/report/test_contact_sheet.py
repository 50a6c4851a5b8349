# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Thumbnails and contact sheets."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
import numpy as np

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.modality import Modality
from mm_robust_seg.report.contact_sheet import (
    contact_sheet,
    legend,
    resized,
    sample_panels,
    Thumbnails,
)


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


CLASSES = [SegmentationClass(f'class {n}', (10 * n, 255 - 10 * n, 99)) for n in range(12)]


def test_a_panel_for_each_image_and_map_of_labels():
    images = {Modality.RGB: shade(60, 30, 40), Modality.DEPTH: np.full((30, 40), 5, np.float32)}
    labels = np.arange(12, dtype=np.uint8).repeat(100).reshape(30, 40)
    panels = sample_panels(images, {'truth': labels, 'mask': labels}, CLASSES, 160)
    assert [panel.shape for panel in panels] == [(120, 160, 3)] * 4
    bar = 15
    assert (panels[0][bar:] == 60).all() and (panels[0][:bar] != 60).all(2).sum() > 1000
    below = {tuple(map(int, pixel)) for pixel in panels[2][bar:].reshape(-1, 3)}
    assert below <= {item.color for item in CLASSES} and len(below) > 10
    assert (panels[2][bar:] == panels[3][bar:]).all() and (panels[2] != panels[3]).any()


@given(st.integers(1, 400), st.integers(0, 12))
def test_a_legend_has_every_colour_and_keeps_its_width(width, count):
    picture = legend(CLASSES[:count], width)
    assert picture.shape[1] == width
    if width > 30:
        assert all((picture == item.color).all(2).any() for item in CLASSES[:count])


def test_labels_are_not_mixed_when_they_are_resized():
    labels = np.tile(np.array([0, 200], np.uint8), (40, 20))
    assert set(np.unique(resized(labels, 13))) <= {0, 200}
