# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Charts: percent out of shares, gaps where there is no score, everything given is drawn."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from mm_robust_seg.report.charts import (
    Curve,
    Curves,
    curves,
    Estimate,
    grouped,
    heat_maps,
    HeatMap,
    ranked,
)

NONE = Estimate.of(None, [None, None])
SCORES = {'rgb': Estimate(40.0, 35.0, 46.0), 'depth': NONE, 'thermal': Estimate(60.0)}
GRID = np.array([[10.0, -80.0], [np.nan, 40.0], [0.0, 5.0]])


def pixels(png: bytes):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def colored(png: bytes) -> int:
    """Count the pixels that are neither black, white nor grey."""
    picture = pixels(png).astype(int)
    return int((np.ptp(picture, axis=2) > 40).sum())


def test_an_estimate_is_percent_of_shares():
    found = Estimate.of(0.425, [0.4, 0.5])
    assert found == pytest.approx((42.5, 40.0, 50.0))
    assert all(map(math.isnan, NONE))
    assert math.isnan(Estimate.of(0.5).low)


def test_a_row_without_score_has_its_place_and_no_mark():
    height = [pixels(ranked(rows, 'mIoU (%)')).shape[0] for rows in (SCORES, {'rgb': NONE}, {})]
    assert height[0] > height[1] == height[2]
    assert colored(ranked(SCORES, 'mIoU (%)')) > 50
    assert colored(ranked({'rgb': NONE, 'depth': NONE}, 'mIoU (%)')) == 0


def test_every_series_has_a_bar_of_its_own_in_every_group():
    row = [Estimate(50.0, 45.0, 55.0), Estimate(70.0)]
    one = colored(grouped(['rgb', 'rgb+depth'], {'a': row}, 'mIoU (%)'))
    two = colored(grouped(['rgb', 'rgb+depth'], {'a': row, 'b': [NONE, row[1]]}, 'mIoU (%)'))
    assert one > 1000 and two > 1000 and one != two


def test_curves_share_their_axis_and_names_replace_numbers():
    line = Curve([0, 1, 2], list(SCORES.values()))
    flat = Curve([0, 2], [Estimate(20.0)] * 2, '--')
    narrow = pixels(curves([Curves({'a': line}, 'x')], 'mIoU (%)'))
    panels = [Curves({'a': line, 'b': flat}, 'x'), Curves({'': line}, 'y', ticks=['u', 'v', 'w'])]
    wide = pixels(curves(panels, 'mIoU (%)'))
    assert wide.shape[1] > narrow.shape[1] and wide.shape[0] == narrow.shape[0]


@pytest.mark.parametrize('is_signed', [True, False])
def test_a_heat_map_shows_numbers_in_colours_and_gaps_without(is_signed):
    panel = HeatMap(['a', 'b', 'c'], ['rgb', 'depth'], GRID, 'points', is_signed, 80.0)
    empty = HeatMap(['a', 'b', 'c'], ['rgb', 'depth'], GRID * np.nan, 'points', is_signed, 80.0)
    assert colored(heat_maps([panel])) > 5000
    assert colored(heat_maps([empty])) == 0
    assert pixels(heat_maps([panel, panel])).shape[1] > pixels(heat_maps([panel])).shape[1]
