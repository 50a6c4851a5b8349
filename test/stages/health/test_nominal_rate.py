# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a camera's rate should be, as its own stream tells it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
import pytest

from mm_robust_seg.stages.health.nominal_rate import NominalRate, UNKNOWN_HZ
from mm_robust_seg.stages.health.stamps import Stamps


def fed(rate, steps_ms):
    for step_ms in steps_ms:
        rate.observe(round(step_ms * 1e6))
    return rate


@pytest.mark.parametrize('rate_hz', [1.0, 5.0, 9.0, 30.0, 120.0])
def test_a_rate_is_learned_from_seven_frames(rate_hz):
    rate = fed(NominalRate(), [1000 / rate_hz] * 5)
    assert not rate.is_known
    assert rate.hz == UNKNOWN_HZ
    assert fed(rate, [1000 / rate_hz]).hz == pytest.approx(rate_hz, rel=1e-6)


def test_a_configured_rate_is_never_learned():
    rate = fed(NominalRate(30.0), [100] * 50)
    assert rate.is_known
    assert rate.hz == 30


def test_a_rate_rises_but_never_falls():
    rate = fed(NominalRate(), [100] * 20)
    assert fed(rate, [33] * 20).hz == pytest.approx(30.3, abs=0.1)
    assert fed(rate, [500] * 200).hz == pytest.approx(30.3, abs=0.1)


def test_a_dying_camera_is_not_learned_down_to():
    rate = fed(NominalRate(), [33 * 1.05**k for k in range(100)])
    assert rate.hz > 20


def test_lost_frames_and_jitter_teach_no_other_rate():
    steps = itertools.islice(itertools.cycle([33, 40, 27, 66, 33, 35, 31]), 100)
    assert fed(NominalRate(), steps).hz == pytest.approx(30, abs=1.5)


@pytest.mark.parametrize('burst', [[2, 2, 96], [1, 199 / 3, 1, 199 / 3], [5, 5, 5, 185]])
def test_frames_in_bursts_have_the_rate_of_all(burst):
    assert fed(NominalRate(), burst * 20).hz == pytest.approx(
        1000 * len(burst) / sum(burst), rel=0.1
    )


@pytest.mark.parametrize('burst_ms', [[2, 2, 96], [2, 2, 2, 2, 192]])
def test_frames_in_bursts_are_not_missing_between_them(burst_ms):
    stamps, at_ns = Stamps(), 0
    for step_ms in burst_ms * 40:
        at_ns += step_ms * 1_000_000
        stamps.add(at_ns, at_ns + 5_000_000, 0.005, 0)
        assert stamps.lost_frames <= 2
        assert not stamps.may_be_lossy


def test_a_new_stream_may_be_slower_by_half_at_the_most():
    rate = fed(NominalRate(), [33.333] * 20)
    rate.begin_stream()
    assert not rate.is_known
    assert rate.hz >= 15
    assert fed(rate, [50] * 10).hz == pytest.approx(20)
    rate.begin_stream()
    assert fed(rate, [1000] * 10).hz == pytest.approx(10)


@given(st.lists(st.integers(-(10**9), 10**10), max_size=100))
def test_any_steps_give_a_positive_rate(steps_ns):
    rate = NominalRate()
    for step_ns in steps_ns:
        rate.observe(step_ns)
        assert rate.hz > 0
