# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The way from a camera to its listener."""

from itertools import pairwise

from cameras import DEPTH, PERIOD_NS, raw, RGB
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.simulation.faults import Carrier, Sent


def stream(modality, count):
    image = raw(modality, 0, 0)
    return [[Sent(k * PERIOD_NS, image)] for k in range(count)]


def carried(modality, count, jitter_ratio, loss_ratio, seed=1):
    carrier = Carrier(modality, seed, PERIOD_NS, jitter_ratio, loss_ratio)
    return [carrier.carry(some) for some in stream(modality, count)]


def test_a_perfect_way_changes_nothing():
    assert carried(RGB, 20, 0.0, 0.0) == stream(RGB, 20)


def test_delays_fill_the_share_of_the_period_and_no_more():
    sent = carried(RGB, 500, 0.2, 0.0)
    late = np.array([some[0].send_ns - k * PERIOD_NS for k, some in enumerate(sent)]) / PERIOD_NS
    assert 0 <= late.min() < 0.01 and 0.19 < late.max() <= 0.2
    assert late.mean() == pytest.approx(0.1, abs=0.01)


def test_the_share_of_lost_messages_is_as_asked_and_differs_between_cameras():
    lost, other = (np.array([not s for s in carried(m, 4000, 0.0, 0.05)]) for m in (RGB, DEPTH))
    assert lost.mean() == pytest.approx(0.05, abs=0.015)
    assert not np.array_equal(lost, other)
    assert np.array_equal(lost, [not s for s in carried(RGB, 4000, 0.0, 0.05)])


@given(st.integers(0, 100), st.floats(0, 0.99), st.integers(1, 5))
def test_order_is_kept_even_within_one_moment(seed, jitter_ratio, burst):
    carrier = Carrier(RGB, seed, PERIOD_NS, jitter_ratio, 0.0)
    images = [raw(RGB, k, 0) for k in range(20)]
    arrived = []
    for k, image in enumerate(images):
        arrived += carrier.carry([Sent(k // burst * PERIOD_NS, image)])
    assert [one.image for one in arrived] == images
    assert all(a.send_ns <= b.send_ns for a, b in pairwise(arrived))
